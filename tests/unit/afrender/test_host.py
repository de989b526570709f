"""What is known of a machine, and machines that are made up."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace

import pytest

from afcore.errors import ConfigError
from afrender.folder import AgentFolder, FolderTaken
from afrender.host import nvidia
from afrender.host.fake import FakeHost
from afrender.host.local import LocalHost, os_tokens, per_second
from afrender.host.probe import RESOURCE_FIELDS
from afrender.main import render_name
from afrender.process.spawn import Exit
from afrender.process.windows import (
    ABOVE_NORMAL,
    BELOW_NORMAL,
    HIGH,
    IDLE,
    NORMAL,
    TERMINATED_CODE,
    command_line,
    exit_of,
    priority_class,
)


def test_this_machine_has_every_field_of_a_reading():
    host = LocalHost(name="here", user="ann")
    try:
        reading = host.measure()
        assert set(reading) == set(RESOURCE_FIELDS)
        json.dumps(reading)
        assert reading["cpu_num"] >= 1 and reading["mem_total_mb"] > reading["mem_free_mb"] > 0
        identity = host.identity()
        assert (identity.name, identity.user) == ("here", "ann")
        assert identity.os.split()[0] in ("unix", "windows")
    finally:
        host.close()


@pytest.mark.parametrize(
    ("system", "machine", "release", "version", "tokens"),
    [
        ("Linux", "x86_64", {"ID": "debian", "VERSION_ID": "12"}, "", "unix linux 64 debian 12"),
        ("Linux", "aarch64", {}, "", "unix linux aarch64"),
        ("Linux", "armv7l", {}, "", "unix linux arm32"),
        ("Darwin", "arm64", {}, "14.2", "unix macosx aarch64 macos 14.2"),
        ("Windows", "AMD64", {}, "10.0.19045", "windows 64 10"),
        ("Windows", "ARM64", {}, "10.0.22631", "windows aarch64 11"),
        ("Windows", "AMD64", {}, "6.3.9600", "windows 64 6.3.9600"),
        ("Darwin", "x86_64", {}, "", "unix macosx 64 macos"),
    ],
)
def test_words_of_the_system(system, machine, release, version, tokens):
    assert os_tokens(system, machine, release, version) == tokens


@pytest.mark.parametrize(
    ("system", "name", "words"),
    [("linux", "posix", "unix linux 64 debian 12"), ("darwin", "posix", "unix macosx 64 macos 14.5"),
     ("win32", "nt", "windows 64 11")],
)  # fmt: skip
def test_the_version_is_asked_where_each_system_tells_it(monkeypatch, system, name, words):
    def release() -> dict[str, str]:
        if system == "linux":
            return {"ID": "debian", "VERSION_ID": "12"}
        raise OSError("no such file")

    kinds = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
    host = LocalHost(name="here", user="ann", helpers=False)
    monkeypatch.setattr("afrender.host.local.sys", SimpleNamespace(platform=system))
    monkeypatch.setattr("afrender.host.local.os", SimpleNamespace(name=name))
    monkeypatch.setattr(
        "afrender.host.local.platform",
        SimpleNamespace(
            system=lambda: kinds[system],
            machine=lambda: "x86_64",
            freedesktop_os_release=release,
            mac_ver=lambda: ("14.5", ("", "", ""), "arm64"),
            version=lambda: "10.0.26100",
        ),
    )
    assert host.identity().os == words


def test_rates_are_whole_kib_a_second_and_never_negative():
    assert per_second(10 * 1024, 0, 2.0) == 5
    assert per_second(0, 10 * 1024, 2.0) == 0
    assert per_second(10, 0, 0.0) == 0


def test_a_made_up_machine_goes_through_its_script(tmp_path):
    file = tmp_path / "host.json"
    file.write_text(
        json.dumps(
            {
                "identity": {"name": "r01", "os": "unix linux 64", "devices": [{"index": 0, "memory_mb": 8000}]},
                "resources": [{"cpu_idle": 90}, {"cpu_idle": 10, "cpu_num": 64}],
            }
        )
    )
    host = FakeHost(file)
    assert host.identity().name == "r01" and host.identity().devices[0]["memory_mb"] == 8000
    readings = [host.measure() for _ in range(3)]
    assert [(one["cpu_idle"], one["cpu_num"]) for one in readings] == [(90, 8), (10, 64), (90, 64)]
    assert set(readings[0]) == set(RESOURCE_FIELDS)
    assert FakeHost(file, name="other").identity().name == "other"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "not a JSON object"),
        ('{"resources": 3}', "must be an object"),
        ('{"resources": [3]}', "must be an object"),
        ('{"resources": [{"cpu_idel": 3}]}', "cpu_idel"),
        ('{"identity": {"nam": "x"}}', "nam"),
    ],
)
def test_a_made_up_machine_that_is_wrong_is_refused(tmp_path, text, said):
    file = tmp_path / "host.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        FakeHost(file)
    with pytest.raises(ConfigError):
        FakeHost(tmp_path / "nowhere")


def test_the_renders_name():
    assert render_name({}, "Node07.Studio.Local") == "node07"
    assert render_name({}, "Node07.Studio.Local", cut_domain=False) == "node07.studio.local"
    assert render_name({"AF_HOSTNAME": "Mine.X"}, "node") == "Mine.X"


class FakeLibrary:
    """Two devices, the second of which tells nothing but its name."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> bytes | str:
        return b"GPU A" if handle == 0 else "GPU B"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        if handle:
            raise self.NVMLError
        return SimpleNamespace(total=8 << 30, used=1 << 30)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        if handle:
            raise self.NVMLError
        return SimpleNamespace(gpu=40)

    def nvmlDeviceGetTemperature(self, handle: int, which: int) -> int:
        if handle:
            raise self.NVMLError
        return 61


def test_devices_of_nvidia_are_listed_and_measured(monkeypatch):
    library = FakeLibrary()
    monkeypatch.setattr(nvidia, "pynvml", library)
    probe = nvidia.Nvidia(smi=lambda: "")
    devices = probe.measure()
    assert [one["name"] for one in devices] == ["GPU A", "GPU B"]
    assert nvidia.summary(devices) == {
        "gpu_gpu_util": 40,
        "gpu_gpu_temp": 61,
        "gpu_mem_total_mb": 8192,
        "gpu_mem_used_mb": 1024,
        "gpu_string": "GPU A, GPU B",
        "gpus": devices,
    }
    probe.close()
    probe.close()
    assert library.open == 0
    monkeypatch.setattr(nvidia, "pynvml", None)
    assert nvidia.Nvidia(smi=lambda: "").is_empty
    assert nvidia.Nvidia(smi=lambda: "").measure() == []


SMI = """WARNING: infoROM is corrupted at gpu 0000:3B:00.0
0, 72, 61, 24564, 14003, NVIDIA GeForce RTX 4090
1, [N/A], 40, 16384, 0, NVIDIA RTX, special
"""


def test_the_program_of_nvidia_stands_in_for_its_library(monkeypatch):
    monkeypatch.setattr(nvidia, "pynvml", None)
    answers = [SMI, SMI, ""]
    probe = nvidia.Nvidia(smi=lambda: answers.pop(0))
    assert not probe.is_empty
    devices = probe.measure()
    assert [(one["index"], one["util"], one["temp"], one["name"]) for one in devices] == [
        (0, 72, 61, "NVIDIA GeForce RTX 4090"),
        (1, 0, 40, "NVIDIA RTX, special"),
    ]
    assert nvidia.summary(devices)["gpu_mem_used_mb"] == 14003
    assert probe.measure() is None, "the program stopped answering: the devices are not gone"


def test_a_driver_that_goes_away_is_no_machine_without_devices(monkeypatch):
    library = FakeLibrary()
    monkeypatch.setattr(nvidia, "pynvml", library)
    probe = nvidia.Nvidia(smi=lambda: "")
    assert len(probe.measure()) == 2

    def refuse(*_: object) -> None:
        raise library.NVMLError

    for name in ("Name", "MemoryInfo", "UtilizationRates", "Temperature"):
        monkeypatch.setattr(library, f"nvmlDeviceGet{name}", refuse)
    assert probe.measure() is None
    probe.close()
    monkeypatch.setattr(library, "nvmlInit", refuse)
    assert [one["name"] for one in nvidia.Nvidia(smi=lambda: SMI).measure()] == [
        "NVIDIA GeForce RTX 4090",
        "NVIDIA RTX, special",
    ], "the program stands in for a library without a driver"


def test_a_folder_belongs_to_one_agent_at_a_time(tmp_path):
    path = AgentFolder.usual(tmp_path, "a/../b")
    assert path.parent == tmp_path / "render"
    first = AgentFolder(path, "b")
    token = first.token
    assert token == first.token
    with pytest.raises(FolderTaken, match=r'named "b" runs already \(process \d+'):
        AgentFolder(path, "b")
    first.meet("abc")
    (path / "2.0.0.1.log").write_text("")
    (path / "2.0.0.2.log").write_text("")
    first.remove_stray_logs({"2.0.0.2.log"})
    assert [log.name for log in path.glob("*.log")] == ["2.0.0.2.log"]
    first.close()
    second = AgentFolder(path, "b")
    assert (second.token, second.farm) == (token, "abc")
    second.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderTaken, match="cannot be used"):
        AgentFolder(tmp_path / "file" / "x", "b")


def test_windows_command_lines_priorities_and_ends():
    assert command_line(["cmd.exe", "/c", 'render "a b" > out']) == 'cmd.exe /c "render "a b" > out"'
    assert command_line(["render", "a b"]) == subprocess.list2cmdline(["render", "a b"]) == 'render "a b"'
    assert [priority_class(nice) for nice in (19, 10, 0, -10, -11)] == [IDLE, BELOW_NORMAL, NORMAL, ABOVE_NORMAL, HIGH]
    assert exit_of(3, killed=False, terminated=False) == Exit(3)
    assert exit_of(TERMINATED_CODE, killed=False, terminated=True) == Exit(0, signal=15)
    assert exit_of(1, killed=True, terminated=True) == Exit(0, signal=9)
