"""The HTTP interface of a real server: its document is true of it, and Prometheus can read its figures."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from afnet.registry import OPERATIONS
from tests.e2e.processes import FarmProcess, wait_for


def get(farm: FarmProcess, path: str) -> tuple[int, str, bytes]:
    with urllib.request.urlopen(f"http://127.0.0.1:{farm.port}{path}", timeout=60) as answer:
        return answer.status, answer.headers["Content-Type"], answer.read()


def figures(farm: FarmProcess) -> dict[str, float]:
    """Return every sample that a scrape gives, by its name and labels."""
    _, kind, body = get(farm, "/metrics")
    assert kind.startswith("text/plain")
    return {
        sample.name + "".join(f"|{label}={value}" for label, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_farm(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("render.list")["rows"], what="the agent")
    room = {"max_tasks_host": 6, "capacity_host": 6000}
    farm.ask("pool.set", paths=["/"], parameters={**room, "tickets": {"LIC": [5, -1]}})
    gate = farm.folder / "gate"
    hold = {"frame_first": 1, "frame_last": 2, "command": f"while [ ! -e {gate} ]; do sleep 0.05; done"}
    job = farm.submit({**hold, "tickets": {"LIC": 2}}, {"frame_first": 1, "frame_last": 3, "command": "true"})
    farm.submit({"frame_first": 1, "frame_last": 1, "command": "false", "errors_retries": 0})
    wait_for(lambda: figures(farm).get("afwatch_running|service=generic") == 2, what="two tasks to hold")
    wait_for(lambda: figures(farm).get("afwatch_task_ends_total|status=success") == 3, what="three tasks to end")
    wait_for(lambda: figures(farm).get("afwatch_task_ends_total|status=error") == 1, what="the fourth to fail")
    now = figures(farm)
    assert now["afwatch_tickets_used|pool=/|ticket=LIC"] == 4 and now["afwatch_tickets|pool=/|ticket=LIC"] == 5
    assert now["afwatch_renders|state=busy"] == 1 and now["afwatch_slots_used"] == 2
    assert now["afwatch_tasks|state=done"] == 3 and now["afwatch_tasks|state=error"] == 1
    assert now["afwatch_task_ends_total|status=error"] == 1
    assert now["afwatch_task_starts_total"] == 6
    assert now["afwatch_job_wait_seconds_count"] == 2 and now["afwatch_database_up"] == 1
    assert now["afwatch_loop_lag_seconds"] >= 0
    gate.touch()
    farm.wait_job(job)
    assert figures(farm)["afwatch_tickets_used|pool=/|ticket=LIC"] == 0


def test_the_document_is_true_of_every_operation(new_farm: Callable[[], FarmProcess]) -> None:
    """Whatever the document allows is answered as it says, and what it does not allow is refused in words."""
    farm = new_farm()
    farm.start_server()
    document: dict[str, Any] = json.loads(get(farm, "/api/openapi.json")[2])
    said = {path.rpartition("/")[2] for path in document["paths"] if path.startswith("/api/op/")}
    assert said == {name for name, operation in OPERATIONS.items() if operation.kind != "view"}
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"http://127.0.0.1:{farm.port}")
    for result in schema.get_all_operations():
        _try(result.ok())
    assert farm.answers(), "the server is still there"
    assert "Traceback" not in farm.log("server.log")


def _try(operation: Any) -> None:
    cases = st.one_of(operation.as_strategy(), operation.as_strategy(schemathesis.GenerationMode.NEGATIVE))

    @given(case=cases)
    @settings(
        max_examples=3, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def play(case: Any) -> None:
        answer = case.call()
        assert answer.status_code in (200, 400, 401, 403, 404, 405, 409, 413, 415), (operation.label, answer.text)
        if answer.status_code != 405:
            body = json.loads(answer.content)
            assert isinstance(body, dict)
            if answer.status_code != 200:
                assert re.search(r"\S", body["error"]["sentence"]), body

    play()
