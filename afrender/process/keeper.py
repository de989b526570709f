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


def note(groups, line):
    """Take one line of the agent."""
    if line[:1] == b"+":
        groups.add(int(line[1:]))
    elif line[:1] == b"-":
        groups.discard(int(line[1:]))


def listen(groups):
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


def marked(token):
    """Return the processes that carry the agent's marker in their environment (Linux)."""
    found = set()
    ending = b":" + token
    try:
        names = os.listdir("/proc")
    except OSError:
        return found
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open("/proc/" + name + "/environ", "rb") as file:
                data = file.read()
        except OSError:
            continue
        for entry in data.split(b"\0"):
            if entry.startswith(b"AF_RUN=") and entry.endswith(ending):
                found.add(int(name))
                break
    found.discard(os.getpid())
    return found


def send(number, groups, token):
    """Send a signal to all that is left; return whether anything was."""
    left = False
    for group in list(groups):
        try:
            os.killpg(group, number)
            left = True
        except ProcessLookupError:
            groups.discard(group)
        except PermissionError:
            groups.discard(group)
    for pid in marked(token):
        try:
            os.kill(pid, number)
            left = True
        except OSError:
            pass
    return left


def end(groups, token):
    """End everything: ask, wait a moment, kill until nothing is left."""
    if not send(signal.SIGTERM, groups, token):
        return
    started = time.monotonic()
    while time.monotonic() - started < POLITE_SECONDS:
        select.select((), (), (), PAUSE_SECONDS)
        if not send(0, groups, token):
            return
    while send(signal.SIGKILL, groups, token) and time.monotonic() - started < FINAL_SECONDS:
        select.select((), (), (), PAUSE_SECONDS)


def main():
    """Run the keeper."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGTSTP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    groups = set()
    listen(groups)
    end(groups, sys.argv[1].encode())


if __name__ == "__main__":
    main()
