"""Why a task does not run: one question for each thing that may be in its way, and words a person understands."""

from __future__ import annotations

from typing import Any

import pytest

from afcore import commands
from afcore.errors import BadSpec, NotFound
from afcore.schedule.reasons import LIFTED, NEUTRAL, Reason
from afcore.states import RunStatus
from afcore.why.answer import why
from afcore.why.words import PHRASES, SENTENCES
from tests.unit.afcore.plays import START, FarmPlay, block, job


def ask(farm: FarmPlay, of: int = 2, **about: int) -> dict[str, Any]:
    """Ask why a job, block or task does not start."""
    before = farm.core.digest()
    answer = why(farm.core.farm, farm.core.scheduler, farm.at, job=of, **about)
    assert farm.core.digest() == before, "asking changes nothing"
    return answer


def codes(answer: dict[str, Any]) -> list[str]:
    return [each["code"] for each in answer["reasons"]]


def first(answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the first proposal that starts the task now."""
    found = next(each for each in answer["proposals"] if each["when"] == "now")
    return found["operation"], found["arguments"]


def test_every_reason_has_words_and_what_is_everywhere_a_sentence() -> None:
    assert set(PHRASES) | set(SENTENCES) == set(Reason)
    assert set(NEUTRAL) | set(LIFTED) <= set(Reason)


@pytest.mark.parametrize(
    ("fields", "code", "operation", "parameters"),
    [
        ({"offline": True}, "job_paused", "job.start", None),
        ({"time_wait": int(START) + 900}, "wait_time", "job.set", {"time_wait": 0}),
        ({"priority": 0}, "priority_zero", "job.set", {"priority": 99}),
        ({"max_running_tasks": 0}, "running_limit", "job.set", {"max_running_tasks": 1}),
        ({"max_running_tasks_per_host": 0}, "per_host_zero", "job.set", {"max_running_tasks_per_host": 1}),
        ({"max_tasks_per_second": 0}, "rate", "job.set", {"max_tasks_per_second": -1}),
        ({"depend_mask": "fir.*"}, "waits_for_jobs", "job.set", {"depend_mask": ""}),
    ],
)
def test_what_holds_a_job_everywhere(
    farm: FarmPlay, fields: dict[str, Any], code: str, operation: str, parameters: dict[str, Any] | None
) -> None:
    farm.register()
    farm.submit(job(name="first", offline=True))
    held = farm.submit(job(name="held", **fields))
    farm.solve()
    answer = ask(farm, held.id)
    assert codes(answer) == [code]
    assert first(answer) == (operation, {"ids": [held.id], **({"parameters": parameters} if parameters else {})})
    assert answer["until"] == fields.get("time_wait", 0)


@pytest.mark.parametrize(
    ("fields", "about", "code", "parameters"),
    [
        ({"hosts_mask": "elsewhere"}, {}, "hosts_mask", {"hosts_mask": ""}),
        ({"hosts_mask_exclude": "host.*"}, {}, "hosts_mask_exclude", {"hosts_mask_exclude": ""}),
        ({"need_os": "windows"}, {}, "os", {"need_os": ""}),
        ({"need_properties": "tape"}, {}, "properties", {"need_properties": ""}),
        ({"need_power": 9}, {}, "power", {"need_power": -1}),
        ({"need_memory": 64_000}, {}, "memory", {"need_memory": -1}),
        ({"need_hdd": 64_000}, {}, "disk", {"need_hdd": -1}),
        ({"pools": {"/": -100}}, {}, "pool", {"pools": {}}),
        ({"maintenance": True}, {}, "not_named", {"maintenance": False}),
        ({}, {"need_gpu_mem_mb": 8000}, "gpu_memory", {"need_gpu_mem_mb": -1}),
        ({}, {"need_cpu_freq_mgz": 8000}, "cpu_frequency", {"need_cpu_freq_mgz": -1}),
        ({}, {"need_cpu_cores": 99}, "cpu_cores", {"need_cpu_cores": -1}),
        ({}, {"need_cpu_freq_cores": 99_000}, "cpu_frequency_cores", {"need_cpu_freq_cores": -1}),
        ({}, {"capacity": 2500}, "capacity", {"capacity": 2000}),
        ({}, {"tickets": {"NUKE": 1}}, "pool_ticket", {"tickets": {"NUKE": 0}}),
        ({}, {"tickets": {"MEM": 2}}, "host_ticket", {"tickets": {"MEM": 0}}),
    ],
)
def test_what_keeps_a_job_from_a_render(
    farm: FarmPlay, fields: dict[str, Any], about: dict[str, Any], code: str, parameters: dict[str, Any]
) -> None:
    farm.register(os="linux")
    farm.do(commands.SetPools(["/"], {"tickets": {"NUKE": [0, -1]}, "tickets_host": {"MEM": 1}}))
    farm.submit(job(block(**about), **fields))
    farm.solve()
    answer = ask(farm)
    assert [(each["code"], each["count"], each["names"]) for each in answer["renders"]] == [(code, 1, ["host1"])]
    offered = [each["arguments"].get("parameters") for each in answer["proposals"]]
    assert parameters in offered


@pytest.mark.parametrize(
    ("fields", "about", "doubted"),
    [
        ({"hosts_mask": "host[0-9]", "hosts_mask_type": "find"}, {}, 'hosts_mask of job 2 "shot" "host[0-9]" is taken'),
        ({"hosts_mask_type": "find"}, {"hosts_mask": "host[0-9]"}, '"host[0-9]" is taken'),
        ({"hosts_mask": "gone", "hosts_mask_type": "find"}, {}, ""),
        ({"hosts_mask": "gone[0-9]"}, {}, ""),
    ],
)
def test_a_hosts_mask_of_the_other_kind_is_doubted(
    farm: FarmPlay, fields: dict[str, Any], about: dict[str, Any], doubted: str
) -> None:
    farm.register()
    farm.submit(job(block(**about), **fields))
    farm.solve()
    sentence = ask(farm)["sentence"]
    assert ("is taken as a list of beginnings" in sentence) == bool(doubted)
    assert doubted in sentence
    if doubted:
        assert "it would match 1" in sentence and sentence.endswith('set hosts_mask_type to "regex" or "find".')


@pytest.mark.parametrize(
    ("parameters", "code", "expected"),
    [
        ({"paused": True}, "paused", {"paused": False}),
        ({"NIMBY": True}, "nimby", {"NIMBY": False}),
        ({"nimby": True}, "nimby", {"nimby": False}),
        ({"priority": 0}, "render_priority_zero", {"priority": 99}),
        ({"max_tasks_host": 0}, "slots", {"max_tasks_host": 1}),
        ({"capacity_host": 0}, "full", {"capacity_host": 1000}),
        ({"services_disabled": ["generic"]}, "service", {"services_disabled": []}),
    ],
)
def test_what_a_render_itself_says(
    farm: FarmPlay, parameters: dict[str, Any], code: str, expected: dict[str, Any]
) -> None:
    farm.register()
    farm.do(commands.SetRenders(["host1"], parameters))
    farm.submit()
    farm.solve()
    answer = ask(farm)
    assert [each["code"] for each in answer["renders"]] == [code]
    assert {"names": ["host1"], "parameters": expected} in [each["arguments"] for each in answer["proposals"]]


def test_a_task_waits_for_its_frames_and_a_block_for_another(farm: FarmPlay) -> None:
    farm.submit(job(block("sim"), block("frames", tasks_depend_mask="sim"), block("movie", depend_mask="frames")))
    farm.register(cores=1)
    farm.solve()
    answer = ask(farm, block=1, task=2)
    assert codes(answer) == ["waits_for_tasks"]
    assert "sim" in answer["sentence"]
    assert codes(ask(farm, block=2)) == ["waits_for_blocks"]


def test_suspended_failed_and_approval(farm: FarmPlay) -> None:
    farm.submit(job(block(last=9, sequential=4, errors_retries=0), ppa=True))
    farm.do(commands.ChangeTasks(2, "suspend", [0], [(0, 0)]))
    farm.register(cores=8)
    for key in farm.solve():
        farm.report(key)
    assert codes(ask(farm, block=0, task=0)) == ["suspended"]
    assert first(ask(farm, block=0, task=0))[0] == "task.continue"
    answer = ask(farm, block=0, task=1)
    assert codes(answer) == ["approval"]
    assert first(answer) == ("job.set", {"ids": [2], "parameters": {"ppa": False}})


def test_a_failed_task_says_so_and_is_restarted(farm: FarmPlay) -> None:
    farm.submit(job(block(last=1, errors_retries=0)))
    farm.register()
    farm.report(farm.solve()[0], RunStatus.ERROR)
    answer = ask(farm, block=0, task=0)
    assert codes(answer) == ["failed"]
    assert first(answer)[0] == "task.restart"


def test_who_holds_the_limit_is_named(farm: FarmPlay) -> None:
    farm.register(cores=8)
    farm.submit(job(block(last=2), name="one"))
    farm.submit(job(block(last=2), name="two"))
    farm.do(commands.SetUsers(["anna"], {"max_running_tasks": 3}))
    farm.solve()
    answer = ask(farm, 3)
    assert answer["sentence"].endswith("User anna runs 3 tasks, and 3 is the most it may.")
    assert [(each["name"], each["tasks"]) for each in answer["reasons"][0]["held_by"]] == [("one", 2), ("two", 1)]
    assert first(answer) == ("user.set", {"names": ["anna"], "parameters": {"max_running_tasks": 4}})


def test_whose_turn_it_is_is_told_and_what_makes_it_the_next(farm: FarmPlay) -> None:
    farm.register(cores=2)
    farm.submit(job(block(last=9), name="first", priority=110))
    farm.submit(job(block(last=9), name="second"))
    farm.solve()
    answer = ask(farm, 3)
    assert [(each["job"], each["text"]) for each in answer["ahead"]] == [(2, "priority 110 against 99")]
    (proposal,) = [each for each in answer["proposals"] if each["when"] == "next"]
    assert (proposal["operation"], proposal["arguments"]) == ("job.set", {"ids": [3], "parameters": {"priority": 111}})
    assert "turn" in answer["sentence"]


def test_what_is_over_or_runs_waits_for_nothing(farm: FarmPlay) -> None:
    farm.register()
    farm.submit(job(block(last=1)))
    key = farm.solve()[0]
    answer = ask(farm)
    assert not answer["waits"]
    assert "runs now on host1" in answer["sentence"]
    farm.report(key)
    assert "is done" in ask(farm)["sentence"]


def test_without_renders_the_answer_says_what_to_do(farm: FarmPlay) -> None:
    farm.submit()
    answer = ask(farm)
    assert "no renders" in answer["sentence"]
    assert "afrender" in answer["hint"]
    render = farm.register()
    farm.do(commands.DeregisterRender(render.id, render.session))
    assert "online" in ask(farm)["hint"]


def test_a_farm_that_is_held_says_so_and_proposes_nothing(farm: FarmPlay) -> None:
    farm.register()
    farm.submit()
    answer = why(farm.core.farm, farm.core.scheduler, farm.at, job=2, held="the database is away.")
    assert answer["sentence"].endswith("does not start, because the database is away.")
    assert answer["proposals"] == []


def test_what_is_not_there_is_said(farm: FarmPlay) -> None:
    farm.submit()
    for about in ({"of": 9}, {"block": 4}, {"block": 0, "task": 77}):
        with pytest.raises(NotFound):
            ask(farm, **about)
    with pytest.raises(BadSpec, match="block"):
        ask(farm, task=1)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"errors_avoid_host": 1, "errors_task_same_host": 0}, "avoided_by_block"),
        ({"errors_avoid_host": 0, "errors_task_same_host": 1}, "avoided_by_task"),
    ],
)
def test_a_host_that_failed_is_avoided_until_its_errors_are_reset(
    farm: FarmPlay, fields: dict[str, int], code: str
) -> None:
    farm.register(cores=1)
    farm.register("other", cores=1)
    farm.do(commands.SetRenders(["other"], {"paused": True}))
    farm.submit(job(block(last=1, errors_retries=9, **fields)))
    farm.report(farm.solve()[0], RunStatus.ERROR)
    farm.solve()
    answer = ask(farm, block=0, task=0)
    assert {each["code"]: each["names"] for each in answer["renders"]} == {code: ["host1"], "paused": ["other"]}
    assert ("job.reset-error-hosts", {"job": 2, "blocks": [0]}) in offered(answer)


def test_a_sick_render_is_healed(farm: FarmPlay) -> None:
    farm.do(commands.SetPools(["/"], {"sick_errors_count": 1}))
    farm.register(cores=1)
    farm.submit(job(block(last=1, errors_retries=0)))
    farm.report(farm.solve()[0], RunStatus.ERROR)
    farm.submit(job(name="next"))
    farm.solve()
    answer = ask(farm, 3)
    assert [each["code"] for each in answer["renders"]] == ["sick"]
    assert first(answer) == ("render.heal", {"names": ["host1"]})


def test_a_pool_that_is_paused_is_named_and_opened(farm: FarmPlay) -> None:
    farm.register()
    farm.do(commands.SetPools(["/"], {"paused": True}))
    farm.submit()
    farm.solve()
    answer = ask(farm)
    assert [(each["code"], each["text"]) for each in answer["renders"]] == [("pool_paused", "pool / is paused")]
    assert first(answer) == ("pool.set", {"paths": ["/"], "parameters": {"paused": False}})


def test_a_sleeping_render_on_which_nothing_else_is_in_the_way_is_woken(farm: FarmPlay) -> None:
    render = farm.register("bed", interfaces=[{"name": "e0", "mac": "00:11:22:33:44:55"}])
    farm.do(commands.SleepRenders(["bed"]))
    farm.do(commands.DeregisterRender(render.id, render.session))
    farm.submit()
    answer = ask(farm)
    assert [each["code"] for each in answer["renders"]] == ["asleep"]
    assert [each["when"] for each in answer["proposals"]] == ["wake"]
    assert offered(answer) == [("render.wake", {"names": ["bed"]})]
    farm.submit(job(hosts_mask="elsewhere"))
    assert ask(farm, 3)["proposals"] == [], "waking it would not help"


def offered(answer: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(each["operation"], each["arguments"]) for each in answer["proposals"]]
