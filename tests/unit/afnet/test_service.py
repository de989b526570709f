"""Texts that let a system start a program by itself."""

import configparser
import plistlib
from pathlib import Path

import pytest

from afnet.service import Service, cmd_text, install_services, launchd_text, service_main, systemd_text

SERVICE = Service(
    name="afserver",
    title="Afwatch farm server",
    program=["/opt/af farm/bin/python", "-m", "afnet.server.main", "--data", "/srv/50%/$x", "--headless"],
    environment={"AF_SERVER": "a:1"},
)


def test_the_unit_is_one_that_systemd_reads_back() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(systemd_text(SERVICE))
    assert unit["Service"]["ExecStart"] == (
        '"/opt/af farm/bin/python" -m afnet.server.main --data /srv/50%%/$$x --headless'
    )
    assert unit["Service"]["Environment"] == "AF_SERVER=a:1"
    assert unit["Install"]["WantedBy"] == "default.target"


def test_the_script_quotes_for_windows() -> None:
    lines = cmd_text(SERVICE).split("\r\n")
    assert 'set "AF_SERVER=a:1"' in lines
    assert '"/opt/af farm/bin/python" -m afnet.server.main --data /srv/50%%/$x --headless' in lines


def test_the_property_list_holds_the_words_of_the_command() -> None:
    content = plistlib.loads(launchd_text(SERVICE).encode())
    assert content["ProgramArguments"] == SERVICE.program
    assert content["EnvironmentVariables"] == {"AF_SERVER": "a:1"}


def test_every_file_that_is_written_is_told(tmp_path: Path) -> None:
    sentences = install_services(SERVICE, tmp_path / "new", ["linux", "windows", "macos"])
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"afserver.service", "afserver.cmd", "afwatch.afserver.plist"}
    assert all(any(name in sentence for sentence in sentences) for name in names)


def test_the_command_gives_what_stands_after_the_dashes_to_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["install", str(tmp_path), "--for", "linux", "--", "--data", "/srv/farm"]
    assert service_main("afserver", "Afwatch farm server", "afnet.server.main", arguments) == 0
    text = (tmp_path / "afserver.service").read_text()
    assert "-m afnet.server.main --data /srv/farm --headless" in text
    assert "Wrote" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert service_main("afserver", "x", "y", ["install", str(tmp_path / "file" / "below")]) == 1
    assert "cannot write" in capsys.readouterr().err
