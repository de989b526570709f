"""The keeper: a tiny process of its own that ends the tasks of an agent that died.

Rules of this file:
- it imports the standard library only, as little as possible, and nothing of ours: it is run as a plain file;
- it lives in its own session and ignores every polite signal: only the closed pipe and SIGKILL end it;
- it ends tasks within two seconds of the agent's death: terminate, a moment to clean up, kill.

The agent writes lines to its standard input: ``+PID`` when a process group starts, ``-PID`` when it is over.
The first argument is the agent's token, by which processes are found that left their group.
"""

import os
import select
import signal
import sys
import time

POLITE_SECONDS = 0.6
FINAL_SECONDS = 5.0
PAUSE_SECONDS = 0.05


def note(groups: set[int], line: bytes) -> None:
    """Take one line of the agent."""
    if line[:1] == b"+":
        groups.add(int(line[1:]))
    elif line[:1] == b"-":
        groups.discard(int(line[1:]))


def listen(groups: set[int]) -> None:
    """Follow the agent until its end of the pipe is closed."""
    rest = b""
    while True:
        data = os.read(0, 65536)
        if not data:
            return
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            note(groups, line)


def looked(groups: set[int], token: bytes) -> tuple[set[int], set[int]]:
    """Return the groups that still have living members, and the processes that carry the agent's marker.

    The dead that nobody waited for yet do not count. Where the system shows no processes all groups are returned.
    """
    try:
        names = os.listdir("/proc")
    except OSError:
        return set(groups), set()
    alive: set[int] = set()
    marked: set[int] = set()
    ending = b":" + token
    own = str(os.getpid())
    for name in names:
        if not name.isdigit() or name == own:
            continue
        try:
            with open("/proc/" + name + "/stat", "rb") as file:
                stat = file.read()
            fields = stat[stat.rfind(b")") + 2 :].split(None, 3)
            if fields[0] in b"ZX":
                continue
            if int(fields[2]) in groups:
                alive.add(int(fields[2]))
            with open("/proc/" + name + "/environ", "rb") as file:
                data = file.read()
        except (OSError, IndexError, ValueError):
            continue
        for entry in data.split(b"\0"):
            if entry.startswith(b"AF_RUN=") and entry.endswith(ending):
                marked.add(int(name))
                break
    return alive, marked


def send(number: int, groups: set[int], token: bytes) -> bool:
    """Send a signal to all that is left; return whether anything was."""
    alive, marked = looked(groups, token)
    left = False
    for call, targets in ((os.killpg, alive), (os.kill, marked)):
        for target in targets:
            try:
                call(target, number)
                left = True
            except OSError:
                groups.discard(target)
    return left


def end(groups: set[int], token: bytes) -> None:
    """End everything: ask, wait a moment, kill until nothing is left.

    Nothing must be seen twice in a row: a process that is just changing its program shows no environment.
    """
    started = time.monotonic()
    number: int = signal.SIGTERM
    quiet = 0
    while quiet < 2 and time.monotonic() - started < FINAL_SECONDS:
        if send(number, groups, token):
            quiet = 0
            number = 0 if time.monotonic() - started < POLITE_SECONDS else signal.SIGKILL
        else:
            quiet += 1
            number = signal.SIGTERM
        if quiet < 2:
            select.select((), (), (), PAUSE_SECONDS)


def main() -> None:
    """Run the keeper."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGTSTP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    listen(groups)
    end(groups, sys.argv[1].encode())


if __name__ == "__main__":
    main()
