"""House rules of the whole suite: nothing is left behind, nothing is logged in silence, units and simulations are pure.

Rules of this file:
- warnings are errors (pyproject.toml); a record at WARNING or above fails its test unless ``expected_logs`` names it;
- a thread, child process or socket that a test leaves behind fails it;
- settings of the person who runs the suite (``AF_…``, user folders) do not reach it; ``AF_TEST_…`` does;
- the machine's certificate authorities count for nothing: no test talks to a stranger, and reading them would be a
  tenth of what each start of a server costs;
- under tests/unit and tests/sim ``time.sleep`` and real sockets are refused.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest

from tests import warm
from tests.guards import ExpectedLogs, Kept, LogGuard, children, end_children, leftovers

ROOT = Path(__file__).resolve().parent
LONGEST = (
    # What computes and what waits, in turns: the four workers begin with a mixture.
    "sim/test_world.py", "e2e/test_nothing_lost.py", "sim/test_why.py", "e2e/test_person.py", "store/test_plug.py",
    "e2e/test_demo.py", "web/test_phone.py", "store/test_statistics_follow.py", "e2e/test_statistics.py",
    "web/test_job.py", "gui/test_plots.py", "e2e/test_idle.py", "agent/test_helper.py", "e2e/test_nodes.py",
    "web/test_now.py", "e2e/test_http_operations.py", "gui/test_window.py", "docs/test_commands.py",
    "agent/test_process.py", "house/test_sources.py", "e2e/test_matrix_nodes.py", "sim/test_machine.py",
    "agent/test_program.py", "e2e/test_doctor.py", "gui/test_frame.py", "wire/test_hostile.py",
    "store/test_statistics_tables.py", "web/test_history.py", "e2e/test_run_as.py", "gui/test_layouts.py",
    "wire/test_submit.py", "wire/test_fuzz.py", "e2e/test_matrix.py", "store/test_troubles.py", "sim/test_undo.py",
    "store/test_contract.py", "e2e/test_people.py", "sim/test_defects.py", "e2e/test_farm.py", "store/test_past.py",
    "e2e/test_nearby.py", "wire/test_door.py", "e2e/test_rules.py", "gui/test_reading.py", "wire/test_door_limits.py",
    "gui/test_clicks.py", "wire/test_classic_binary.py", "sim/test_edits.py", "e2e/test_wheel.py",
    "e2e/test_elsewhere.py", "store/test_writer.py", "gui/test_embedded.py", "apps/test_programs.py",
    "gui/test_entrance.py", "gui/test_day.py", "e2e/test_six_agents.py", "e2e/test_budgets.py", "e2e/test_sleep.py",
)  # fmt: skip
PURE = (ROOT / "unit", ROOT / "sim")

# The same examples in every run: the suite says whether a change broke something, and looks for nothing by chance.  How
# long one takes says something about who else uses the machine, and nothing about the code.
hypothesis.settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

_kept = Kept()
_before = pytest.StashKey[Kept]()
_logs = pytest.StashKey[LogGuard]()
_folder = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


def _settings_in_environment() -> list[str]:
    return [name for name in os.environ if name.startswith("AF_") and not name.startswith("AF_TEST_")]


def pytest_configure(config: pytest.Config) -> None:
    """Scrub the environment, for this process and every child it starts."""
    # Begun in the background by a shell, the suite ignores Ctrl-C, and so would every program that it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in _settings_in_environment():
        del os.environ[name]
    config.stash[_folder] = folder = tempfile.TemporaryDirectory(prefix="afwatch-tests-")
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = f"{folder.name}/{name.lower()}"
    os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder that stood in for the user's."""
    config.stash[_folder].cleanup()


def _refuse(what: str) -> Any:
    def refused(*_args: object, **_words: object) -> NoReturn:
        raise AssertionError(f"{what} is refused under tests/unit and tests/sim: pass the time and the bytes in")

    return refused


@pytest.fixture(autouse=True)
def _pure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse sleeping and real sockets where tests are meant to be pure."""
    if any(folder in request.path.parents for folder in PURE):
        monkeypatch.setattr(time, "sleep", _refuse("time.sleep"))
        for name in ("connect", "connect_ex", "bind", "sendto"):
            monkeypatch.setattr(socket.socket, name, _refuse(f"socket.{name}"))


@pytest.fixture
def expected_logs(request: pytest.FixtureRequest) -> ExpectedLogs:
    """Name the log records that this test expects: ``expected_logs("database is away")``."""
    return request.node.stash[_logs].expected


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Note what a fixture of a wider scope starts: it is not the leftover of the test that asked first."""
    if fixturedef.scope == "function":
        return (yield)
    before = Kept.now()
    try:
        return (yield)
    finally:
        _kept.add_new_since(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Begin to watch what a test leaves and logs."""
    _kept.forget_gone()
    item.stash[_before] = Kept.now()
    item.stash[_logs] = guard = LogGuard()
    logging.getLogger().addHandler(guard)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Compare, after the test's own fixtures are gone."""
    try:
        result = yield
    finally:
        logging.getLogger().removeHandler(item.stash[_logs])
    found = item.stash[_logs].complaints() + leftovers(item.stash[_before], _kept)
    found += [f"left in the environment: {name}" for name in _settings_in_environment()]
    for name in _settings_in_environment():
        del os.environ[name]
    if found:
        pytest.fail("; ".join(found), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while thousands of tests are made of hundreds of modules, and never again among those."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, whatever order chance gave: begun last, one of them would run alone at the end."""
    first = {ROOT / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session when a wider fixture left a child process behind, and end every child that is left.

    The process that only hands tests to workers has those workers as children, and each checks itself.
    """
    if session.config.pluginmanager.hasplugin("dsession"):
        return
    left = leftovers(Kept(), Kept(threads=Kept.now().threads, sockets=Kept.now().sockets))
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nafter the last test: {'; '.join(left)}")
    end_children(children())
    warm.close()
