"""Every service that ships: those with behaviour of their own, and that the others are plain."""

from __future__ import annotations

import json
import socket
import sys

import msgspec
import pytest

from afcore.servicetable import SERVICES
from afcore.states import RunStatus
from afrender import parsers, services
from afrender.named import Named
from afrender.process.spawn import CannotStart, Exit
from afrender.reader import Applications, Reader
from afrender.services.base import CHECK_FILES, Plan
from afrender.services.events import merge
from tests.unit.afrender.test_agent import spec

LISTED = msgspec.structs.replace(spec(), numeric=False, frame_start=0, frame_end=0, flags=0, command="")
OWN = {"events", "generic", "htracker", "mentalray", "test", "vray", "wakeonlan"}


def reader_of(**changes: object) -> Reader:
    made = Applications(settings=changes.pop("settings", None)).prepare(msgspec.structs.replace(LISTED, **changes))  # type: ignore[arg-type]
    assert isinstance(made, Reader), made
    return made


def plan_of(**changes: object) -> Plan:
    return reader_of(**changes).plan


def test_the_table_names_every_service_and_every_parser_it_names_is_there():
    assert set(Named(services).names) == OWN and set(SERVICES) >= OWN
    there = set(Named(parsers).names)
    assert {service.parser for service in SERVICES.values()} - {"none"} <= there


@pytest.mark.parametrize("name", sorted(set(SERVICES) - OWN))
def test_plain_services_run_the_command_with_their_parser(name):
    reader = reader_of(service=name, parser=SERVICES[name].parser, command="render -j @AF_CAPACITY@", coefficient=2)
    assert reader.plan.command == "render -j 2" and not reader.plan.notes
    assert reader.judge(Exit(0)).status is RunStatus.SUCCESS
    assert reader.judge(Exit(1)).status is RunStatus.ERROR


def test_htracker_knows_its_job_and_may_end_with_one():
    reader = reader_of(service="htracker", command="htracker -x")
    assert reader.plan.command == "htracker -x -J 2"
    assert [reader.judge(Exit(code)).status is RunStatus.SUCCESS for code in (0, 1, 2)] == [True, True, False]
    assert plan_of(service="htracker", command=["htracker"]).command == ["htracker", "-J", "2"]
    refused = Applications().prepare(msgspec.structs.replace(LISTED, service="htracker", command=""))
    assert isinstance(refused, CannotStart)


def test_captured_hosts_are_written_as_the_renderer_wants_them(monkeypatch):
    monkeypatch.setattr(socket, "gethostbyname", {"a": "10.0.0.1", "b": "10.0.0.2"}.__getitem__)
    command = "render @AF_HOSTS@ scene"
    run = {"command": command, "hosts": ["a", "b"]}
    assert plan_of(service="generic", **run).command == "render -H a,b scene"
    assert plan_of(service="mentalray", **run).command == "render -hosts a b --  scene"
    assert plan_of(service="vray", **run).command == 'render -renderhost="10.0.0.1;10.0.0.2" scene'
    assert Applications.is_slow(msgspec.structs.replace(LISTED, hosts=["a"]))


def test_the_service_of_tests_skips_some_and_does_so_again():
    def kinds() -> list[str]:
        applications = Applications()
        made = []
        for task in range(1000):
            one = applications.prepare(msgspec.structs.replace(LISTED, service="test", command="true", task=task))
            made.append("empty" if isinstance(one, CannotStart) else "skip" if one.plan.skip else "run")
        return made

    first = kinds()
    assert first == kinds()
    assert 1 <= first.count("empty") <= 30 and 5 <= first.count("skip") <= 70


RENDER = json.dumps(
    {
        "name": "r01; reboot",
        "address": {"family": "IPv4", "ip": "10.0.0.7"},
        "netifs": [{"mac": "00:11:22:33:44:55"}, {"mac": ""}, {"mac": "0011223344AA"}],
    }
)


def test_a_render_is_woken_by_its_cards_and_no_shell_reads_its_name():
    words = ["--ip", "10.0.0.7", "--hostname", "r01; reboot", "001122334455", "0011223344AA"]
    plan = plan_of(service="wakeonlan", task_command=RENDER)
    assert plan.command == [sys.executable, "-m", "afrender.wake", "--wake", *words]
    own = {"af_render_cmd_wolwake": "wakeit -v", "af_render_cmd_wolsleep": "sleepit"}
    assert plan_of(service="wakeonlan", task_command=RENDER, settings=own).command == ["wakeit", "-v", "--wake", *words]
    asleep = {"service": "wakeonlan", "task_command": RENDER, "working_directory": "SLEEP"}
    assert plan_of(**asleep, settings=own).command == ["sleepit", "--sleep", *words]
    assert plan_of(**asleep).command[0] in ("systemctl", "pmset", "rundll32.exe")
    assert plan_of(**asleep).folder == ""
    refused = Applications().prepare(msgspec.structs.replace(LISTED, service="wakeonlan", task_command="[1]"))
    assert isinstance(refused, CannotStart)


def told(events: list[str], **objects: object) -> str:
    return json.dumps({"events": events, **objects})


def test_events_become_one_command_the_strongest():
    user = {"name": "ann", "custom_data": json.dumps({"emails": ["ann@example.org"], "-off": {"x": 1}})}
    methods = {"events": {"JOB_DONE": {"methods": ["notify-send", "tell --loud", "email"]}}}
    job = {"name": "a b", "serial": 7, "custom_data": json.dumps(methods)}
    settings = {"email_send_cmd": "send -q", "email_sender_address_host": "farm.example.org"}
    plan = plan_of(service="events", task_command=told(["JOB_DONE"], job=job, user=user), settings=settings)
    sender = "noreply@farm.example.org"
    title = "JOB_DONE - a b"
    assert plan.command == ["send", "-q", "-V", "-f", sender, "-t", "ann@example.org", "-s", title, title]
    plan = plan_of(service="events", task_command=told(["JOB_DONE"], job=job, user={"custom_data": "no json"}))
    assert plan.command == ["tell", "--loud", "-jobname", "a b", "-jobserial", "7"]
    plan = plan_of(service="events", task_command=told(["JOB_ERROR"], job=job, user=user))
    assert plan.skip and "JOB_ERROR" in plan.notes[0]


def test_custom_data_is_put_together():
    data: dict[str, object] = {}
    for one in ({"a": {"b": [1]}, "c": 1}, {"a": {"b": [1, 2], "d": 3}, "c": 2, "": 4, "-e": 5}):
        merge(data, one)
    assert data == {"a": {"b": [1, 2], "d": 3}, "c": 2}


def test_files_that_are_empty_or_folders_are_bad(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_bytes(b"")
    for name, word in (("a", "no file"), ("b", "empty"), ("c", "not there")):
        reader = reader_of(command="x", working_directory=str(tmp_path), task_files=[name], flags=CHECK_FILES)
        judgement = reader.judge(Exit(0))
        assert judgement.status is RunStatus.BAD_FILES
        assert word in judgement.sentence and name in judgement.sentence
