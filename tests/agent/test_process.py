"""Real, nasty children: what the process layer does with each of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from afrender.process import cancel
from afrender.process.spawn import CannotStart
from tests.agent.bench import TOKEN, Bench, alive, until

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups exist on POSIX systems only")


def pids(path: Path, count: int) -> list[int]:
    words = path.read_text().split() if path.exists() else []
    return [int(word) for word in words] if len(words) >= count else []


def test_output_keeps_the_order_in_which_it_was_written(play):
    async def scene(bench: Bench) -> None:
        _, seen = bench.sh("for i in 1 2 3; do echo out$i; echo err$i >&2; done; exit 3")
        end = await seen.finish()
        assert bytes(seen.data) == b"out1\nerr1\nout2\nerr2\nout3\nerr3\n"
        assert (end.code, end.signal, end.good) == (3, 0, False)

    play(scene)


@pytest.mark.parametrize("threads", [False, True])
def test_many_at_once_and_each_end_is_told(play, threads):
    async def scene(bench: Bench) -> None:
        started = [bench.sh(f"echo {number}; exit {number % 3}") for number in range(40)]
        for number, (_, seen) in enumerate(started):
            assert (await seen.finish()).code == number % 3
            assert bytes(seen.data) == f"{number}\n".encode()

    play(scene, threads=threads)


def test_own_session_nice_and_empty_input(play, tmp_path):
    async def scene(bench: Bench) -> None:
        gate = tmp_path / "gate"
        process, seen = bench.sh(f"cat; until [ -e {gate} ]; do sleep 0.01; done; cut -d' ' -f5,6,19 /proc/$$/stat")
        pid = process.pid
        gate.write_text("")
        assert (await seen.finish()).good
        first, second, nice = (int(word) for word in seen.data.split())
        assert first == second == pid
        assert nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)

    play(scene)


def test_environment_holds_the_tasks_variables_and_the_marker(play):
    async def scene(bench: Bench) -> None:
        _, seen = bench.sh('echo "$AF_JOB_ID $AF_RUN"', environment={"AF_JOB_ID": "7"})
        await seen.finish()
        assert seen.data.decode() == f"7 1.0.0.1:{TOKEN}\n"

    play(scene)


def test_missing_folder_and_program_are_told_in_a_sentence(play, tmp_path):
    async def scene(bench: Bench) -> None:
        refused, _ = bench.try_start(["/bin/sh", "-c", "true"], folder=tmp_path / "nowhere")
        assert isinstance(refused, CannotStart)
        assert str(tmp_path / "nowhere") in refused.sentence and "does not exist" in refused.sentence
        refused, _ = bench.try_start(["no-such-renderer", "-b"])
        assert isinstance(refused, CannotStart) and '"no-such-renderer"' in refused.sentence
        (tmp_path / "file").write_text("")
        refused, _ = bench.try_start([str(tmp_path / "file")])
        assert isinstance(refused, CannotStart)
        refused, _ = bench.try_start(["/bin/sh", "-c", "x" * 4_000_000])
        assert isinstance(refused, CannotStart) and "longer" in refused.sentence
        assert not bench.layer.living

    play(scene)


def test_a_flood_of_a_gigabyte_passes_and_ends(play):
    async def scene(bench: Bench) -> None:
        _, seen = bench.sh("head -c 1073741824 /dev/zero")
        await seen.finish(120)
        assert seen.total == 1073741824

    play(scene)


def test_a_flood_does_not_hold_up_others_nor_its_own_end(play):
    async def scene(bench: Bench) -> None:
        flood, told = bench.sh("exec cat /dev/zero")
        await until(lambda: told.total > 1_000_000)
        _, seen = bench.sh("echo hello")
        await seen.finish()
        flood.terminate(5.0)
        assert (await told.finish()).signal == 15

    play(scene)


def test_terminate_is_enough_for_a_polite_one(play):
    async def scene(bench: Bench) -> None:
        process, seen = bench.sh("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.02; done")
        await until(lambda: seen.data)
        process.terminate(30.0)
        end = await seen.finish()
        assert end.code == 5 and b"bye" in seen.data

    play(scene)


def test_one_that_is_halted_ends_too(play):
    async def scene(bench: Bench) -> None:
        process, seen = bench.sh("echo ready; kill -STOP $$; sleep 1000")
        await until(lambda: seen.data)
        process.terminate(30.0)
        assert (await seen.finish()).signal == 15

    play(scene)


def test_one_that_ignores_terminate_is_killed_after_the_grace(play):
    async def scene(bench: Bench) -> None:
        process, seen = bench.sh("trap '' TERM; echo ready; while :; do sleep 0.05; done")
        await until(lambda: seen.data)
        process.terminate(0.3)
        process.terminate(0.3)
        assert (await seen.finish()).signal == 9

    play(scene)


NEST = """
import os, sys, time, signal
path = sys.argv[1] if len(sys.argv) > 1 else {path!r}
def note():
    with open(path, "a") as file:
        file.write(str(os.getpid()) + " ")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note()
if os.fork() == 0:
    note()
    if os.fork() == 0:
        os.setsid()
        note()
        if os.fork() == 0:
            os.closerange(0, 3)
            note()
    time.sleep(1000)
print("ready", flush=True)
time.sleep(1000)
"""


def test_kill_reaches_grandchildren_in_sessions_of_their_own(play, tmp_path):
    async def scene(bench: Bench) -> None:
        path = tmp_path / "pids"
        process, seen = bench.python(NEST.format(path=str(path)))
        await until(lambda: pids(path, 4))
        family = pids(path, 4)
        assert all(alive(pid) for pid in family)
        process.kill()
        assert (await seen.finish()).signal == 9
        assert not [pid for pid in family if alive(pid)]

    play(scene)


def test_terminate_reaches_one_that_hid_its_environment_too(play, tmp_path):
    async def scene(bench: Bench) -> None:
        path = tmp_path / "pid"
        process, seen = bench.sh(f"echo ready; setsid env -i /bin/sh -c 'echo $$ > {path}; sleep 1000'; true")
        await until(lambda: pids(path, 1))
        hidden = pids(path, 1)[0]
        process.terminate(5.0)
        await seen.finish()
        assert not alive(hidden)

    play(scene)


def test_a_background_child_neither_holds_the_task_up_nor_outlives_it(play, tmp_path):
    async def scene(bench: Bench) -> None:
        path = tmp_path / "pid"
        _, seen = bench.sh(f"sleep 1000 & echo $! > {path}; (trap '' TERM; sleep 1000) & echo $! >> {path}; echo done")
        end = await seen.finish()
        assert end.good and seen.data == b"done\n"
        assert not [pid for pid in pids(path, 2) if alive(pid)]

    play(scene)


def test_a_pipe_kept_open_by_a_stranger_does_not_hold_the_task_up(play, tmp_path):
    async def scene(bench: Bench) -> None:
        path = tmp_path / "pid"
        _, seen = bench.sh(
            f"setsid sh -c 'echo $$ > {path}; exec sleep 1000' & while [ ! -s {path} ]; do sleep 0.01; done"
        )
        assert (await seen.finish()).good
        stranger = pids(path, 1)[0]
        assert alive(stranger)
        await until(lambda: [one.pid for one in cancel.marked(TOKEN)] == [stranger])
        cancel.signal_processes(cancel.marked(TOKEN), 9)
        await until(lambda: not alive(stranger))

    play(scene)


def test_one_that_dies_at_once_and_one_killed_by_a_signal(play):
    async def scene(bench: Bench) -> None:
        _, seen = bench.sh("kill -SEGV $$")
        assert (await seen.finish()).signal == 11
        process, seen = bench.sh("exit 0")
        assert (await seen.finish()).good
        process.kill()
        process.terminate(1.0)
        assert not bench.layer.living

    play(scene)


def test_the_end_tells_time_and_memory(play):
    async def scene(bench: Bench) -> None:
        _, seen = bench.python("x = bytearray(50_000_000); sum(range(2_000_000))")
        end = await seen.finish()
        assert end.cpu_user > 0 and end.peak_memory > 50_000_000

    play(scene)
