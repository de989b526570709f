"""Who may do what: the expected matrix, written by hand and reviewed; nothing here is made from the code it checks.

Columns: ``nobody`` (shows nothing, is not the server's user), ``node`` (an agent's conversation), ``own`` (USER, on
what is theirs), ``foreign`` (USER, on what is somebody else's), ``visor`` and ``god`` (on what is somebody else's),
``expired`` and ``revoked`` (a GOD's token that was good once). ``+`` may, ``-`` may not.

What it says in words: nobody may do nothing but sign in and ask who the server takes him for; a node submits, reads and
changes nothing; a USER changes own jobs, own parameters, own renders and own tokens; a VISOR also any job; renders,
users, pools, branches, accounts, the audit and the farm are GOD's.
"""

__all__ = ["COLUMNS", "MATRIX"]

COLUMNS = ("nobody", "node", "own", "foreign", "visor", "god", "expired", "revoked")

_TABLE = """
                        nobody node own foreign visor god expired revoked
job.submit                -     -    +     -      +    +     -       -
job.list                  -     -    +     +      +    +     -       -
job.show                  -     -    +     +      +    +     -       -
job.spec                  -     -    +     +      +    +     -       -
job.tasks                 -     -    +     +      +    +     -       -
job.weight                -     -    +     +      +    +     -       -
job.watch                 -     -    +     +      +    +     -       -
job.error-hosts           -     -    +     +      +    +     -       -
job.why                   -     -    +     +      +    +     -       -
job.log                   -     -    +     +      +    +     -       -
job.restart               -     -    +     -      +    +     -       -
job.skip                  -     -    +     -      +    +     -       -
job.done                  -     -    +     -      +    +     -       -
job.suspend               -     -    +     -      +    +     -       -
job.continue              -     -    +     -      +    +     -       -
job.pause                 -     -    +     -      +    +     -       -
job.start                 -     -    +     -      +    +     -       -
job.stop                  -     -    +     -      +    +     -       -
job.delete                -     -    +     -      +    +     -       -
job.set                   -     -    +     -      +    +     -       -
job.reset-error-hosts     -     -    +     -      +    +     -       -
block.set                 -     -    +     -      +    +     -       -
job.move                  -     -    +     -      +    +     -       -
job.append-blocks         -     -    +     -      +    +     -       -
block.append-tasks        -     -    +     -      +    +     -       -
task.list                 -     -    +     +      +    +     -       -
task.show                 -     -    +     +      +    +     -       -
task.log                  -     -    +     +      +    +     -       -
task.files                -     -    +     +      +    +     -       -
task.thumbnails           -     -    +     +      +    +     -       -
file.read                 -     -    +     +      +    +     -       -
job.thumbnails            -     -    +     +      +    +     -       -
task.follow               -     -    +     +      +    +     -       -
task.restart              -     -    +     -      +    +     -       -
task.skip                 -     -    +     -      +    +     -       -
task.done                 -     -    +     -      +    +     -       -
task.suspend              -     -    +     -      +    +     -       -
task.continue             -     -    +     -      +    +     -       -
task.reset-error-hosts    -     -    +     -      +    +     -       -
task.try-next             -     -    +     -      +    +     -       -
job.reset-try-next        -     -    +     -      +    +     -       -
render.list               -     -    +     +      +    +     -       -
render.show               -     -    +     +      +    +     -       -
render.set                -     -    +     -      -    +     -       -
render.set-ticket         -     -    +     -      -    +     -       -
render.delete             -     -    -     -      -    +     -       -
render.move               -     -    -     -      -    +     -       -
render.services           -     -    +     -      -    +     -       -
render.restore-defaults   -     -    +     -      -    +     -       -
render.heal               -     -    +     -      -    +     -       -
render.sleep              -     -    +     -      -    +     -       -
render.wake               -     -    +     -      -    +     -       -
render.exit               -     -    +     -      -    +     -       -
render.restart            -     -    +     -      -    +     -       -
render.reboot             -     -    -     -      -    +     -       -
render.shutdown           -     -    -     -      -    +     -       -
render.eject-tasks        -     -    +     -      -    +     -       -
operation.undo            -     -    +     -      -    +     -       -
user.list                 -     -    +     +      +    +     -       -
user.show                 -     -    +     +      +    +     -       -
user.add                  -     -    +     -      -    +     -       -
user.set                  -     -    +     -      -    +     -       -
user.delete               -     -    -     -      -    +     -       -
pool.list                 -     -    +     +      +    +     -       -
pool.show                 -     -    +     +      +    +     -       -
system.queue              -     -    -     -      -    +     -       -
pool.tickets              -     -    +     +      +    +     -       -
pool.members              -     -    +     +      +    +     -       -
pool.set                  -     -    -     -      -    +     -       -
pool.add                  -     -    -     -      -    +     -       -
pool.delete               -     -    -     -      -    +     -       -
pool.services             -     -    -     -      -    +     -       -
pool.set-ticket           -     -    -     -      -    +     -       -
branch.list               -     -    +     +      +    +     -       -
branch.show               -     -    +     +      +    +     -       -
branch.set                -     -    -     -      -    +     -       -
branch.delete             -     -    -     -      -    +     -       -
farm.load                 -     -    -     -      -    +     -       -
farm.reload               -     -    -     -      -    +     -       -
farm.export               -     -    +     +      +    +     -       -
farm.check                -     -    +     +      +    +     -       -
config.reload             -     -    -     -      -    +     -       -
run.list                  -     -    +     +      +    +     -       -
history.runs              -     -    +     +      +    +     -       -
history.resources         -     -    +     +      +    +     -       -
parameters.show           -     -    +     +      +    +     -       -
server.status             -     -    +     +      +    +     -       -
server.resume             -     -    -     -      -    +     -       -
server.traffic            -     -    +     +      +    +     -       -
config.show               -     -    -     -      -    +     -       -
past.show                 -     -    +     +      +    +     -       -
past.rows                 -     -    +     +      +    +     -       -
past.span                 -     -    +     +      +    +     -       -
past.changes              -     -    +     +      +    +     -       -
statistics.show           -     -    +     +      +    +     -       -
statistics.delete         -     -    -     -      -    +     -       -
statistics.check          -     -    -     -      -    +     -       -
statistics.drivers        -     -    -     -      -    +     -       -
statistics.lag            -     -    -     -      -    +     -       -
statistics.reset          -     -    -     -      -    +     -       -
statistics.update-tables  -     -    -     -      -    +     -       -
account.list              -     -    -     -      -    +     -       -
account.add               -     -    -     -      -    +     -       -
account.password          -     -    +     -      -    +     -       -
account.role              -     -    -     -      -    +     -       -
account.delete            -     -    -     -      -    +     -       -
token.list                -     -    +     +      +    +     -       -
token.create              -     -    +     -      -    +     -       -
token.revoke              -     -    +     -      -    +     -       -
session.login             +     -    +     +      +    +     -       -
session.show              +     -    +     +      +    +     -       -
node.list                 -     -    -     -      -    +     -       -
node.code                 -     -    -     -      -    +     -       -
node.approve              -     -    -     -      -    +     -       -
node.revoke               -     -    -     -      -    +     -       -
audit.list                -     -    -     -      -    +     -       -
audit.show                -     -    -     -      -    +     -       -
audit.verify              -     -    -     -      -    +     -       -
"""

MATRIX: dict[str, dict[str, bool]] = {}
"""By operation and column: may or may not."""

for _line in _TABLE.strip().splitlines()[1:]:
    _name, *_cells = _line.split()
    assert _name not in MATRIX and len(_cells) == len(COLUMNS) and set(_cells) <= {"+", "-"}, _line
    MATRIX[_name] = {column: cell == "+" for column, cell in zip(COLUMNS, _cells, strict=True)}
