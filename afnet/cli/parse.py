"""Build the command line of ``afcmd`` from the registry, and turn what was typed into arguments of an operation."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from afcore.errors import BadSpec, Problem, did_you_mean
from afnet.arguments import Argument, Parameter
from afnet.cli.verbs import VERBS
from afnet.registry import OPERATIONS, Operation

__all__ = ["SHORT_WORDS", "UsageError", "build_parser", "given_arguments", "parse", "parse_common"]

SHORT_WORDS = {
    "jobs": ("job", "list"), "renders": ("render", "list"), "users": ("user", "list"), "pools": ("pool", "list"),
    "branches": ("branch", "list"), "runs": ("run", "list"), "tasks": ("task", "list"), "tickets": ("pool", "tickets"),
}  # fmt: skip
"""Short words for views of the past, and what is meant where somebody takes one for a command."""

_OWN = {
    "submit": "the same as `job submit`",
    "traffic": "messages and bytes by kind and peer",
    "submit-scene": "submit a scene of Blender, Nuke, Houdini, Maya, …: SCENE FIRST LAST",
    "why": "say why a job, block or task does not start, and what would start it",
    "at": "show a view of the farm as it was: WHEN jobs, renders, users, pools, job show ID, ...",
    "changes": "list who changed what between two times",
    "config": "print every setting of this machine and where it came from",
    "login": "sign in at the server; the sign-in is kept for this user alone",
    "logout": "end the sign-in at the server and forget it",
    "trust": "show the fingerprint of a farm on another machine, and keep its certificate authority",
    "path": "show what a path is on the farm and here, by the path map of this machine",
    "af-folder": "write a self-contained copy of the Python API `af` into a folder",
}
"""Commands of afcmd that are no operation of the server."""

_GROUPS = {
    "job": "jobs: submit, list, watch, restart, delete, ...",
    "block": "blocks of a job",
    "task": "tasks: list, log, restart, skip, ...",
    "render": "render hosts",
    "user": "users",
    "pool": "pools of renders",
    "branch": "branches of jobs",
    "run": "what runs now",
    "history": "finished runs",
    "statistics": "statistics: figures of the past, and their database",
    "server": "the server itself",
    "account": "accounts: add, list, password, role, delete",
    "token": "sign-ins and tokens: list, create, revoke",
    "session": "whom the server takes you for",
    "audit": "who did what: list, show, verify",
    "farm": "what the farm's hosts are: farm file, its patterns and limits",
}


_LONGEST_TIMEOUT = 86400


class UsageError(Exception):
    """What was typed is no command; the text is a sentence."""


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a whole number, not "{text}"') from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a number, not "{text}"') from None


def _seconds(text: str) -> float:
    seconds = _number(text)
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise argparse.ArgumentTypeError(f'must be seconds, more than 0 and at most {_LONGEST_TIMEOUT}, not "{text}"')
    return seconds


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. `{self.prog} --help` shows how.")


def _common() -> _Parser:
    common = _Parser(add_help=False)
    group = common.add_argument_group("common options")
    group.add_argument("--server", metavar="HOST:PORT[,…]", default=argparse.SUPPRESS, help="servers to ask")
    group.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="read settings from this file too")
    group.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    group.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", default=argparse.SUPPRESS, help="how long to wait for an answer"
    )
    return common


def parse_common(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the common options before the first word, wherever ``--json`` stands, and the words from there on."""
    options = argparse.Namespace()
    common = _common()
    at = 0
    while at < len(argv) and argv[at].startswith("--"):
        at += 1 if "=" in argv[at] or argv[at] in ("--json", "--help") else 2
    words = list(argv[at:])
    if words[:1] and words[0] in VERBS:
        common.parse_args(argv[:at], options)
        if "--json" in words[1:]:
            options.json = True
            words.remove("--json")
    return options, words


def build_parser(typed: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the command line: a word for the kind of thing, a word for what to do, then its arguments.

    With the words that were ``typed``, what to do with things that are not among them is left out: to make all of it
    takes longer than most commands.
    """
    common = _common()
    parser = _Parser(
        prog="afcmd",
        description="Talk to the farm.",
        epilog="Names that the classic afcmd had work too: `afcmd h` lists them.",
        parents=[common],
    )
    things = parser.add_subparsers(dest="thing", metavar="COMMAND", title="commands")
    groups: dict[str, Any] = {}
    for operation in OPERATIONS.values():
        thing, word = operation.words
        if thing in ("config", "past") or operation.name == "session.login":
            continue
        if thing not in groups:
            group = things.add_parser(thing, help=_GROUPS.get(thing, thing), parents=[common])
            groups[thing] = group.add_subparsers(dest="word", metavar="WHAT", title="what to do", required=True)
        if typed is not None and thing not in typed:
            continue
        leaf = groups[thing].add_parser(word, help=operation.help, description=operation.help, parents=[common])
        _add_arguments(leaf, operation)
    submit = things.add_parser("submit", help=_OWN["submit"], parents=[common])
    _add_arguments(submit, OPERATIONS["job.submit"])
    submit.set_defaults(operation="job.submit")
    traffic = things.add_parser("traffic", help=_OWN["traffic"], parents=[common])
    _add_arguments(traffic, OPERATIONS["server.traffic"])
    things.add_parser("submit-scene", help=_OWN["submit-scene"], add_help=False)
    why = things.add_parser("why", help=_OWN["why"], description=OPERATIONS["job.why"].help, parents=[common])
    why.add_argument("what", metavar="JOB[/BLOCK[/TASK]]", help="ids, as in 5, 5/0 or 5/0/12")
    why.set_defaults(operation="job.why", leaf=why)
    at = things.add_parser("at", help=_OWN["at"], description=_OWN["at"], parents=[common])
    at.add_argument("when", metavar="WHEN", help='"2026-01-31 03:12", 03:12, "yesterday 18:00", 20min, 2h, 3d (ago)')
    at.add_argument("view", nargs="*", metavar="VIEW", help="what to show, as without `at WHEN`; jobs by default")
    changes = things.add_parser("changes", help=_OWN["changes"], description=_OWN["changes"], parents=[common])
    changes.add_argument("since", metavar="FROM", help='a time: "2026-01-31 03:12", 03:12, yesterday, 2h (ago)')
    changes.add_argument("until", metavar="TO", nargs="?", help="another; now by default")
    for argument in OPERATIONS["past.changes"].arguments:
        if argument.name not in ("since", "until"):
            _add_option(changes, argument)
    config = things.add_parser("config", help=_OWN["config"], parents=[common])
    config.add_argument(
        "where", nargs="?", choices=("show", "reload"),
        help="show: the settings of the server instead; reload: let the server read its files again",
    )  # fmt: skip
    path = things.add_parser("path", help=_OWN["path"], description=_OWN["path"], parents=[common])
    path.add_argument("text", metavar="TEXT", help="a path, or a whole command in one word")
    login = things.add_parser("login", help=_OWN["login"], description=_OWN["login"], parents=[common])
    login.add_argument("name", nargs="?", default="", metavar="NAME", help="name of the account; yours by default")
    login.add_argument("--days", type=_number, default=None, metavar="X", help="how long the sign-in lasts")
    things.add_parser("logout", help=_OWN["logout"], description=_OWN["logout"], parents=[common])
    trusting = things.add_parser("trust", help=_OWN["trust"], description=_OWN["trust"], parents=[common])
    trusting.add_argument("--fingerprint", default="", metavar="SHA256", help="what it must be; else you are asked")
    folder = things.add_parser("af-folder", help=_OWN["af-folder"], parents=[common])
    folder.add_argument("folder", metavar="DIR", help="folder that gets the folder `af`")
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return what was typed; UsageError with a did-you-mean when it is no command."""
    argv = _completed(argv)
    _check_words(argv)
    options, unknown = build_parser(argv).parse_known_args(argv)
    if unknown:
        raise UsageError(_about_unknown(unknown[0], options))
    if options.thing is None:
        raise UsageError("what should be done? `afcmd --help` lists the commands.")
    return options


def _completed(argv: Sequence[str]) -> list[str]:
    """Return the words with the one that may be left out: ``afcmd statistics --by user`` shows them."""
    words = list(argv)
    if "statistics" not in words:
        return words
    at = words.index("statistics") + 1
    help_wanted = at < len(words) and words[at] in ("-h", "--help")
    if not help_wanted and (at == len(words) or words[at].startswith("-")) and not parse_common(words[: at - 1])[1]:
        words.insert(at, "show")
    return words


def _about_unknown(word: str, options: argparse.Namespace) -> str:
    """Return a sentence about the first word that no command takes."""
    leaf: argparse.ArgumentParser | None = getattr(options, "leaf", None)
    shown = leaf.prog if leaf is not None else "afcmd"
    if not word.startswith("-"):
        return f'{shown} takes nothing more, not "{word}". `{shown} --help` shows how.'
    known = [option for action in leaf._actions for option in action.option_strings] if leaf is not None else []
    hint = did_you_mean(word.partition("=")[0], known) or f"`{shown} --help` lists the options."
    return f'{shown} has no option "{word}"; {hint}'


def _check_words(argv: Sequence[str]) -> None:
    """Refuse a misspelt command by the word that was meant: argparse lists all of them instead."""
    words = []
    skip = False
    for argument in argv:
        if skip:
            skip = False
        elif argument in ("--server", "--config", "--timeout"):
            skip = True
        elif not argument.startswith("-"):
            words.append(argument)
    if not words:
        return
    things = {operation.words[0] for operation in OPERATIONS.values()} | set(_OWN)
    if words[0] not in things:
        hint = did_you_mean(words[0], things) or "`afcmd --help` lists the commands."
        if words[0] in SHORT_WORDS:
            hint = f'did you mean "{" ".join(SHORT_WORDS[words[0]])}"?'
        raise UsageError(f'there is no command "{words[0]}"; {hint}')
    whats = [operation.words[1] for operation in OPERATIONS.values() if operation.words[0] == words[0]]
    if words[0] in _OWN or words[1:2] and words[1] in whats:
        return
    if len(words) < 2:
        if "-h" in argv or "--help" in argv:
            return
        raise UsageError(f"afcmd {words[0]}: what should be done? It knows {', '.join(whats)}.")
    hint = did_you_mean(words[1], whats) or f"{words[0]} knows " + ", ".join(whats)
    raise UsageError(f'there is no command "{words[0]} {words[1]}"; {hint}')


def _add_arguments(leaf: argparse.ArgumentParser, operation: Operation) -> None:
    leaf.set_defaults(operation=operation.name, leaf=leaf)
    for argument in operation.arguments:
        if argument.kind == "secret":
            continue  # asked for, never in a command line that others may see
        if argument.kind == "parameters":
            for parameter in argument.parameters:
                _add_parameter(leaf, parameter)
            leaf.add_argument(
                "--set", dest="set", action="append", default=[], metavar="NAME=VALUE", help="change any parameter"
            )
        elif argument.positional:
            _add_positional(leaf, argument)
        else:
            _add_option(leaf, argument)
    if operation.name == "task.log":
        leaf.add_argument("-f", "--follow", action="store_true", help="print more as it comes, until the run ends")
    if operation.name == "statistics.show":
        leaf.add_argument("--csv", action="store_true", help="print CSV for spreadsheets")
    if operation.name == "job.submit":
        leaf.add_argument("--pause", action="store_true", help="submit it paused")


def _add_positional(leaf: argparse.ArgumentParser, argument: Argument) -> None:
    if argument.kind in ("identifiers", "names", "ranges"):
        nargs = "+" if argument.required else "*"
        leaf.add_argument(argument.name, nargs=nargs, metavar=argument.name.upper(), help=argument.help)
    elif argument.kind in ("job", "file"):
        leaf.add_argument(argument.name, metavar="FILE", help=argument.help)
    else:
        kind: Any = _whole if argument.kind == "integer" else str
        optional: Any = None if argument.required else "?"
        leaf.add_argument(argument.name, type=kind, nargs=optional, metavar=argument.name.upper(), help=argument.help)


def _add_option(leaf: argparse.ArgumentParser, argument: Argument) -> None:
    name = "--" + argument.name.replace("_", "-")
    if argument.kind == "flag":
        leaf.add_argument(name, dest=argument.name, action="store_true", help=argument.help)
        return
    kind: Any = {"integer": _whole, "number": _number}.get(argument.kind, str)
    metavar = {"integer": "N", "number": "X"}.get(argument.kind, argument.name.upper())
    leaf.add_argument(name, dest=argument.name, type=kind, default=None, metavar=metavar, help=argument.help)


def _add_parameter(leaf: argparse.ArgumentParser, parameter: Parameter) -> None:
    name = "--" + (parameter.option or parameter.name.replace("_", "-"))
    dest = "parameter_" + parameter.name
    if parameter.kind == "flag":
        leaf.add_argument(name, dest=dest, choices=("yes", "no"), default=None, help=parameter.help)
    else:
        kind: Any = _whole if parameter.kind == "integer" else str
        metavar = "N" if parameter.kind == "integer" else "TEXT"
        leaf.add_argument(name, dest=dest, type=kind, default=None, metavar=metavar, help=parameter.help)


def given_arguments(operation: Operation, options: argparse.Namespace) -> dict[str, Any]:
    """Return the operation's arguments as they were typed; UsageError or BadSpec when they make no sense."""
    if hasattr(options, "what"):
        return _ids_of(options.what)
    given: dict[str, Any] = {}
    for argument in operation.arguments:
        if argument.kind == "secret":
            continue
        if argument.kind == "parameters":
            parameters = _parameters(argument, options)
            if not parameters:
                raise UsageError("nothing to change was given; --help lists what can be changed.")
            given[argument.name] = parameters
            continue
        value = getattr(options, argument.name)
        if argument.kind == "job":
            given[argument.name] = _read_job(value)
            if options.pause:
                given[argument.name]["offline"] = True
        elif argument.kind == "file":
            given[argument.name] = _read_text(value)
        elif argument.kind in ("identifiers", "ranges") and isinstance(value, list):
            if value:
                given[argument.name] = ",".join(value)
        elif value is not None and not (argument.kind == "flag" and value is False):
            given[argument.name] = value
    return given


def _ids_of(what: str) -> dict[str, Any]:
    """Return what ``5/0/12`` names."""
    parts = what.strip("/").split("/")
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise UsageError(f'why takes ids as in 5, 5/0 or 5/0/12, not "{what}".')
    return dict(zip(("job", "block", "task"), map(int, parts), strict=False))


def _parameters(argument: Argument, options: argparse.Namespace) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for parameter in argument.parameters:
        value = getattr(options, "parameter_" + parameter.name)
        if value is not None:
            parameters[parameter.name] = value == "yes" if parameter.kind == "flag" else value
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f'--set takes NAME=VALUE, not "{text}".')
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    return parameters


def _shown(name: str) -> str:
    return "the standard input" if name == "-" else name


def _read_text(name: str) -> str:
    """Return the text of a file, or of the standard input for ``-``."""
    shown = _shown(name)
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadSpec([Problem(shown, "is no UTF-8 text", "save it as UTF-8")]) from None
    except OSError as error:
        raise BadSpec([Problem(shown, f"cannot be read: {error.strerror}", "check the path")]) from None


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; ValueError when it says something twice, of which only one could count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _KeyTwice(f'"{key}" is given twice in one object')
            seen.add(key)
    return found


class _KeyTwice(ValueError):
    """A JSON object has a key twice."""


def _read_job(name: str) -> dict[str, Any]:
    """Return the job of a JSON file (or of the standard input for ``-``), with or without ``{"job": ...}`` around."""
    shown, text = _shown(name), _read_text(name)
    if not text.strip():
        raise BadSpec([Problem(shown, "is empty", 'write {"name": ..., "blocks": [...]} into it')])
    try:
        job = json.loads(text, object_pairs_hook=_no_key_twice)
        if "\\u" in text:
            json.dumps(job, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):x}"
        raise BadSpec([Problem(shown, f"holds {half}, half of a character", "write the whole character")]) from None
    except RecursionError:
        raise BadSpec([Problem(shown, "is nested too deeply for a job", "a job is an object with blocks")]) from None
    except _KeyTwice as error:
        raise BadSpec([Problem(shown, str(error), "keep the one you mean")]) from None
    except ValueError as error:
        raise BadSpec([Problem(shown, f"is no JSON: {error}", "check commas, quotes and brackets there")]) from None
    if isinstance(job, dict) and set(job) == {"job"}:
        job = job["job"]
    if not isinstance(job, dict):
        raise BadSpec([Problem(shown, "must hold one job as a JSON object", 'write {"name": ..., "blocks": [...]}')])
    return job
