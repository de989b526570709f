"""``afcmd``: do any operation of the registry from a terminal.

Rules of this file:
- Imports are part of the price of every command: what only some need is imported where it is used.
- A mistake is one sentence, its hint and every problem on the error output; exit code 2 for usage, 1 for the rest.
"""

import codecs
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from afcore.errors import AfError, BadSpec
from afnet.cli.asking import ask
from afnet.cli.parse import UsageError, given_arguments, parse, parse_common
from afnet.registry import OPERATIONS

if TYPE_CHECKING:
    import argparse

    from afcore.config import Config
    from afnet.client.blocking import BlockingClient
    from afnet.client.servers import Address

__all__ = ["do_operation", "main", "open_client"]

_LOG_PIECE = 262_144


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names and logs hold any character; a terminal that cannot show one shows a question mark.
        sys.stdout.reconfigure(errors="replace")
    words = sys.argv[1:] if argv is None else argv
    try:
        old = _old_verb(words)
        if old is not None:
            return old
        if words[:1] == ["submit-scene"]:
            from afnet.cli.scene import submit_scene

            return submit_scene(words[1:])
        if "at" in words:
            from afnet.cli.past import show_past, wants_past

            if wants_past(words):
                return show_past(words)
        return _run(parse(words))
    except UsageError as error:
        _complain(str(error))
        return 2
    except AfError as error:
        _complain_about(error)
        return 2 if getattr(error, "code", "") == "bad_arguments" else 1
    except BrokenPipeError:
        # Whoever read our output has enough; keep the interpreter from complaining at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _old_verb(words: Sequence[str]) -> int | None:
    """Do what an old name of afcmd means; None when it is none of them."""
    from afnet.cli.verbs import SAME, VERBS

    options, rest = parse_common(words)
    verb = VERBS.get(rest[0]) if rest else None
    if verb is None or verb.name in SAME:
        return None
    given = rest[1:]
    if not verb.least <= len(given) <= verb.most:
        raise UsageError(f"it is afcmd {verb.name} {verb.words}".rstrip() + f"; `afcmd h {verb.name}` explains it.")
    from afnet.cli.verbshere import HERE

    if verb.name in HERE:
        print("\n".join(HERE[verb.name](given)))
        return 0
    from afnet.cli.verbsdone import arguments_of, ask_in_dialect

    config = _config(options)
    if not verb.alias:
        timeout = getattr(options, "timeout", None) or config["answer_timeout"]
        print(ask_in_dialect(_servers(config, options), verb, given, timeout))
        return 0
    options.follow = False
    with _client(config, options) as client:
        if verb.name == "rrlist":
            from afnet.cli.resources import show_resources

            return show_resources(client, given[0] if given else "", json=getattr(options, "json", False))
        arguments = arguments_of(client, verb, given)
        return do_operation(client, verb.alias, arguments, options)


def _complain(sentence: str) -> None:
    print(f"afcmd: {_one_line(sentence)}", file=sys.stderr)


def _one_line(text: str) -> str:
    """Return a sentence that cannot break the terminal, whoever's names are in it."""
    return "".join(each if each.isprintable() else " " for each in text)


def _complain_about(error: AfError) -> None:
    if isinstance(error, BadSpec) and error.problems:
        if len(error.problems) == 1:
            _complain(str(error.problems[0]))
            return
        _complain(f"{len(error.problems)} problems:")
        for problem in error.problems:
            print(f"  - {_one_line(str(problem))}", file=sys.stderr)
        return
    _complain(error.sentence)
    if error.hint:
        print(f"  {_one_line(error.hint)}", file=sys.stderr)


def _run(options: "argparse.Namespace") -> int:
    if options.thing == "af-folder":
        from afnet.api.folder import af_folder

        path = af_folder(options.folder)
        print(f"Wrote {path}. Put {path.parent} on PYTHONPATH, then `import af`.")
        return 0
    config = _config(options)
    if options.thing in ("login", "logout"):
        from afnet.cli import people

        servers = _servers(config, options)
        if options.thing == "logout":
            return people.logout(servers)
        return people.login(servers, options.name or _user(), options.days)
    if options.thing == "trust":
        from afnet.cli import people

        return people.trust_servers(_servers(config, options), options.fingerprint)
    if options.thing == "path":
        from afnet.cli.paths import show_path

        return show_path(config, options.text, json=getattr(options, "json", False))
    if options.thing == "config" and options.where is None:
        return _show_config(config, options)
    if options.thing == "changes":
        from afnet.cli.past import show_changes

        with _client(config, options) as client:
            return show_changes(client, options)
    name = f"config.{options.where}" if options.thing == "config" else options.operation
    operation = OPERATIONS[name]
    given = {} if options.thing == "config" else given_arguments(operation, options)
    if any(argument.kind == "secret" for argument in operation.arguments):
        from afnet.cli.people import ask_secrets

        given = ask_secrets(operation, given)
    operation.bind(given)
    with _client(config, options) as client:
        return do_operation(client, name, given, options)


def _config(options: "argparse.Namespace") -> "Config":
    from afnet.api.configfiles import load_config

    return load_config(file=getattr(options, "config", None))


def open_client(options: "argparse.Namespace") -> "BlockingClient":
    """Return a client of the farm that options, environment and settings name."""
    return _client(_config(options), options)


def _client(config: "Config", options: "argparse.Namespace") -> "BlockingClient":
    from afnet.client.blocking import BlockingClient

    timeout = getattr(options, "timeout", None) or config["answer_timeout"]
    return BlockingClient(_servers(config, options), program="afcmd", user=_user(), timeout=timeout)


def _servers(config: "Config", options: "argparse.Namespace") -> "list[Address]":
    from afnet.client.servers import find_servers

    configured = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in config.servers()]
    return find_servers(getattr(options, "server", None), os.environ, configured)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def do_operation(client: "BlockingClient", name: str, given: dict[str, Any], options: "argparse.Namespace") -> int:
    """Do one operation and print its answer."""
    json = getattr(options, "json", False)
    if name == "job.watch":
        from afnet.cli.watch import watch_jobs

        return watch_jobs(client, OPERATIONS[name].bind(given)["ids"], json=json)
    if name == "task.follow" or (name == "task.log" and options.follow):
        return _follow(client, given)
    if name == "task.log" and not json:
        return _print_log(client, given)
    if name == "file.read" and not json:
        sys.stdout.buffer.write(ask(client, name, given)["data"])
        sys.stdout.buffer.flush()
        return 0
    if name == "job.tasks" and not json:
        from afnet.cli.tasks import show_tasks

        return show_tasks(ask(client, name, given))
    arguments = {argument.name for argument in OPERATIONS[name].arguments}
    if name == "statistics.show":
        from afnet.cli.statistics import show_lines

        reply = ask(client, name, given)
        print("\n".join(show_lines(given, reply, json=json, csv=getattr(options, "csv", False))))
        return 0
    if "yes" in arguments and not given.get("yes"):
        from afnet.cli.sure import ask_if_sure

        given = {**given, "yes": ask_if_sure(name, given)}
    if "limit" in arguments and name != "task.log":
        from afnet.cli.pages import print_pages

        return print_pages(client, name, given, json=json)
    reply = ask(client, name, given)
    _print_reply(name, given, reply, json=json)
    return 1 if name == "audit.verify" and not reply["whole"] else 0


def _print_reply(name: str, given: dict[str, Any], reply: Any, *, json: bool) -> None:
    from afnet.cli.replies import reply_text
    from afnet.cli.show import as_json
    from afnet.cli.text import terminal_width

    text = as_json(reply) if json else reply_text(name, given, reply, width=terminal_width())
    print(text, end="" if name == "farm.export" and not json else "\n")


def _write_output(text: str) -> None:
    """Write what a task printed: as it is for a program, without what a terminal would obey for a person."""
    if sys.stdout.isatty():
        from afnet.cli.text import safe_output

        text = safe_output(text)
    sys.stdout.write(text)


def _print_log(client: "BlockingClient", given: dict[str, Any]) -> int:
    """Print a kept log, piece by piece."""
    arguments = {**given, "limit": given.get("limit", _LOG_PIECE)}
    while True:
        part = ask(client, "task.log", arguments)
        _write_output(part["text"])
        end = part["offset"] + part["length"]
        if "limit" in given or not part["length"] or end >= part["size"]:
            break
        arguments["offset"], arguments["run"] = end, part["run"]
    sys.stdout.flush()
    return 0


def _follow(client: "BlockingClient", given: dict[str, Any]) -> int:
    # A character may come in two pieces.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for lines in client.follow(job=given["job"], block=given["block"], task=given["task"], run=given.get("run", 0)):
        _write_output(decoder.decode(lines.data))
        sys.stdout.flush()
    return 0


def _show_config(config: "Config", options: "argparse.Namespace") -> int:
    from afnet.cli.show import as_json, table_for
    from afnet.cli.text import terminal_width

    rows = [each._asdict() for each in config.explain()]
    json = getattr(options, "json", False)
    print(as_json({"rows": rows}) if json else "\n".join(table_for("config.show", rows, width=terminal_width())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
