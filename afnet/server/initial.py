"""``afserver init``: the farm's certificate authority, its first administrator and a first pairing code.

Rules of this file:
- The authority counts from the last step on, a rename: what breaks off before it is simply done again.
- Passwords and codes are in no file but as hashes; the code is shown this once.
"""

import asyncio
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from afcore.config import Config
from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, ConfigError, Conflict, Problem
from afcore.states import Role
from afcore.store.base import Batch
from afnet.api.trust import shown_fingerprint
from afnet.server.auditing import Auditor
from afnet.server.authority import Authority, authority_folder, has_authority, make_authority
from afnet.server.ground import data_folder, open_ground
from afnet.server.nodes import CODE_HOURS, Nodes
from afnet.server.passwords import Passwords
from afnet.server.peer import own_principal
from afnet.server.people import People

__all__ = ["init_farm", "read_password"]


def read_password(file: str, name: str) -> str:
    """Return the first administrator's password: of a file, of a person at the terminal, else a line of the input."""
    if file:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError("command line", "--password-file", f"{file} can not be read: {error}") from None
        return text.rstrip("\r\n")
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password of the administrator {name}: ")
    if getpass.getpass("The same again: ") != password:
        raise BadSpec([Problem("password", "was typed differently the second time", "type it again")])
    return password


def init_farm(config: Config, name: str, password_file: str) -> Sequence[str]:
    """Make a farm of this server; return what is to be told.

    Raises Conflict when that was done before, Rejected for a password or name that can be none.
    """
    data = data_folder(config)
    if has_authority(data):
        make_authority(data, now=0.0)  # says why not
    name = name or getpass.getuser()
    password = read_password(password_file, name)
    ground = open_ground(config, serves=False)
    try:
        now = ground.clock.now()
        recovered = ground.store.load()
        for _ in recovered.batches:
            pass
        people = People(recovered.kept, now=ground.clock.now)
        hashed = asyncio.run(_hash(password))
        if people.account(name) is None:
            rows = people.add(name, Role.GOD, hashed)
        elif Role(people.account(name).role) is Role.GOD:  # type: ignore[union-attr]  # it was looked at above
            rows = people.set_password(name, hashed)
        else:
            raise Conflict(
                f'There is an account "{name}" already that is no administrator.',
                hint="Name another with --name, or give it the role god first.",
            )
        folder = make_authority(data, now=now)
        authority = Authority(folder)
        nodes = Nodes(recovered.kept, now=ground.clock.now)
        code, row = nodes.new_code(authority.fingerprint, hours=CODE_HOURS, uses=0, label="afserver init")
        auditor = Auditor(recovered.audit_seq, recovered.audit_hash)
        who: Principal = own_principal("")
        said = f"made the farm's certificate authority and the administrator {name}"
        batch = Batch(
            seq=ground.store.last_seq + 1, at=now, epoch=recovered.epoch, body=[], kept=[*rows, row],
            audit=[auditor.of_words(now, who, "server.init", said)],
        )  # fmt: skip
        ground.store.commit([batch])
        folder.rename(authority_folder(data))
    except OSError as error:
        raise ConfigError(str(data), "", f"can not be written: {error.strerror or error}") from None
    finally:
        ground.store.close()
    return [
        f"The farm's certificate authority is in {authority_folder(data)}: keep a copy of that folder in a safe place.",
        f"Its fingerprint is {shown_fingerprint(authority.fingerprint)}.",
        f"The administrator is {name}: `afcmd login {name}`.",
        "",
        f"Pairing code, for {CODE_HOURS:g} hours and shown this once:",
        "",
        f"    {code}",
        "",
        "Start the server with `afserver --headless --listen 0.0.0.0`,",
        "and on every render node once `afrender --server HOST --pair CODE`.",
    ]


async def _hash(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


def init_main(config: Config, name: str, password_file: str) -> int:
    """Do it from the command line; return the exit code."""
    try:
        lines = init_farm(config, name, password_file)
    except AfError as error:
        sys.stderr.write(f"afserver: {error.sentence}\n" + (f"  {error.hint}\n" if error.hint else ""))
        if isinstance(error, BadSpec):
            sys.stderr.writelines(f"  {problem}\n" for problem in error.problems)
        return 1
    sys.stdout.write(os.linesep.join(lines) + os.linesep)
    return 0
