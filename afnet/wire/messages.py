"""The native protocol's messages: what may be said between server, agents and clients.

Rules of this file:
- A frame is a msgpack array of messages; each message is a msgpack array with an integer tag first.
- Tags and field order are the protocol: add messages and trailing fields with defaults, never renumber or reorder.
- ``docs/protocol.md`` says in MUST language who sends what, when, and what the other side does about it.
- Nothing here is per task, except a run that starts or ends.
"""

from typing import Any

import msgspec

from afcore.commands import ProgressReading, RunningRun

__all__ = [
    "PROTOCOL_VERSION",
    "Acknowledge",
    "Drop",
    "FileAccepted",
    "FileChunk",
    "Follow",
    "Goodbye",
    "Hello",
    "Instruct",
    "InstructionFailed",
    "LogLines",
    "Message",
    "NotLeader",
    "Ping",
    "Pong",
    "Readings",
    "Refused",
    "Register",
    "Registered",
    "Reply",
    "Report",
    "Request",
    "Rows",
    "RunSpec",
    "Start",
    "Stop",
    "Subscribe",
    "Unfollow",
    "Unsubscribe",
    "Welcome",
]

PROTOCOL_VERSION = 1
"""The newest version this program speaks."""


class _Message(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Base of every message."""


# Both sides


class Hello(_Message, tag=1, frozen=True):
    """First message of whoever connected: who speaks, and what it can."""

    versions: list[int]
    """Protocol versions it speaks."""
    program: str
    """``afrender``, ``afcmd``, ``afwatch``, ``af``, ...: for people."""
    kind: str
    """``agent`` or ``client``."""
    capabilities: list[str] = []
    user: str = ""
    host: str = ""
    token: str = ""
    """What the sender shows to be recognised: a token, or the secret of the machine; empty for nothing."""
    tasks_as: str = ""
    """As whom an agent starts tasks: ``self`` for the user that it is itself, ``others`` for users of their own; empty
    from who does not say it."""

    def __repr__(self) -> str:
        return f"Hello({self.program!r}, {self.kind!r}, user={self.user!r}, host={self.host!r})"


class Welcome(_Message, tag=2, frozen=True):
    """The server's answer: the version both will speak, and what the server is."""

    version: int
    server: str
    """Program and its version."""
    farm: str
    """Random id of the farm: another farm's answer on the same port is noticed."""
    epoch: int
    """Leader epoch."""
    capabilities: list[str] = []
    time: float = 0.0
    """The server's clock."""
    servers: list[str] = []
    """Every address of the farm's servers that is known."""
    principal: str = ""
    role: int = 0
    ping: float = 5.0
    """Seconds of silence after which the server will send Ping; twice that without a word is a lost connection."""


class NotLeader(_Message, tag=3, frozen=True):
    """Not me, ask there: the addresses of servers that may be the leader; the sender then closes."""

    servers: list[str]


class Refused(_Message, tag=4, frozen=True):
    """A request (or the whole conversation, ``id`` 0) is refused by a sentence."""

    id: int
    code: str
    sentence: str
    hint: str = ""
    problems: list[tuple[str, str, str]] = []
    """Every problem as (path, what, hint)."""


class Goodbye(_Message, tag=5, frozen=True):
    """The sender closes on purpose."""

    reason: str = ""


class Ping(_Message, tag=6, frozen=True):
    """Are you there?"""

    number: int


class Pong(_Message, tag=7, frozen=True):
    """I am."""

    number: int


# Clients


class Request(_Message, tag=10, frozen=True):
    """Do an operation of the registry; answered by Reply or Refused with the same ``id``."""

    id: int
    operation: str
    arguments: dict[str, Any]
    initiator: str = ""


class Reply(_Message, tag=11, frozen=True):
    """The answer to a request; ``more`` says that further Replies with the same id follow (chunks of columns)."""

    id: int
    body: Any = None
    more: bool = False


class Subscribe(_Message, tag=12, frozen=True):
    """Send rows of a kind now and whenever they change; ``since`` 0 asks for all, else what changed after it."""

    id: int
    kind: str
    """``jobs``, ``renders``, ``users``, ``pools``, ``branches``, ``runs``, ``tasks`` (columns of one job)."""
    filter: dict[str, Any] = {}
    """``user``, ``ids``, ``job``, ``names``."""
    since: int = 0
    interval: float = 0.1
    """Least seconds between two flushes."""


class Unsubscribe(_Message, tag=13, frozen=True):
    """No more of it."""

    id: int


class Rows(_Message, tag=14, frozen=True):
    """Rows of a subscription that are newer than before, the ids that are gone, and the version they stand for."""

    id: int
    version: int
    rows: list[Any]
    """``afcore.rows`` structs; decoded by the receiver by kind."""
    gone: list[int] = []
    whole: bool = False
    """These are all rows there are: forget what you had."""
    initiators: list[str] = []


class Follow(_Message, tag=15, frozen=True):
    """From a client: send the output of a task's newest run as it comes.  To an agent: send it to me."""

    id: int
    job: int
    block: int
    task: int
    run: int = 0
    """0: the newest."""


class Unfollow(_Message, tag=16, frozen=True):
    """Stop following."""

    id: int
    job: int = 0
    block: int = 0
    task: int = 0
    run: int = 0


class LogLines(_Message, tag=17, frozen=True):
    """Output of a followed run as it came (agent to server to client); ``last`` when the run ended."""

    job: int
    block: int
    task: int
    run: int
    offset: int
    data: bytes
    last: bool = False
    id: int = 0


# Agents


class Register(_Message, tag=30, frozen=True):
    """An agent says what it is and what it still has; after Hello/Welcome and after every reconnect."""

    name: str
    engine: str
    os: str
    user_name: str
    nimby: str
    launched: float
    instance: str
    interfaces: list[dict[str, Any]]
    devices: list[dict[str, Any]]
    resources: dict[str, Any]
    running: list[RunningRun]
    """Runs whose process lives or whose report is not acknowledged."""
    address: str = ""
    family: int = 4


class Registered(_Message, tag=31, frozen=True):
    """The server knows the agent as ``render`` and tells it its pool's settings; seconds, 0 for none."""

    render: int
    heartbeat: float = 5.0
    resources_period: float = 5.0
    zombie_time: float = 60.0
    exit_no_task_time: float = 0.0


class RunSpec(_Message, tag=32, frozen=True):
    """Everything an agent needs to run one task: patterns unfilled, paths as the server knows them."""

    job: int
    block: int
    task: int
    run: int
    job_name: str
    block_name: str
    task_name: str
    user_name: str
    service: str
    parser: str
    command: Any
    """The block's command: a shell line or a list of words; numeric blocks: with frame patterns."""
    task_command: str
    working_directory: str
    environment: dict[str, str]
    files: list[str]
    task_files: list[str]
    numeric: bool
    frame_start: int
    frame_end: int
    frame_inc: int
    frames: int
    flags: int
    capacity: int
    coefficient: int = 0
    parser_coeff: int = 1
    devices: list[int] = []
    hosts: list[str] = []
    file_size_min: int = -1
    file_size_max: int = -1
    custom_data: dict[str, str] = {}
    """``block``, ``task``, ``job``, ``user``, ``render``."""


class Start(_Message, tag=33, frozen=True):
    """Start these runs; one the agent already has is ignored."""

    runs: list[RunSpec]


class Stop(_Message, tag=34, frozen=True):
    """End a run (terminate, grace, kill) and report it as stopped."""

    job: int
    block: int
    task: int
    run: int


class Drop(_Message, tag=35, frozen=True):
    """These runs are not yours: end what lives of them, delete their reports, say nothing more of them."""

    runs: list[tuple[int, int, int, int]]


class Report(_Message, tag=36, frozen=True):
    """A run ended.  Repeated until acknowledged or dropped."""

    job: int
    block: int
    task: int
    run: int
    status: int
    exit_status: int
    started: float
    duration: float
    errors_text: str = ""
    resources: str = ""
    warning: bool = False
    report: str = ""
    log_size: int = 0
    """Bytes of its log that follow as FileChunk, 0 for none."""
    cpu_ms: int = 0
    """Time on processors, of the process and all it waited for."""
    peak_memory: int = 0
    """Largest resident size of one of its processes in bytes; 0 where the system does not tell."""


class Acknowledge(_Message, tag=37, frozen=True):
    """Reports of these runs are committed: the agent may forget them."""

    runs: list[tuple[int, int, int, int]]


class Readings(_Message, tag=38, frozen=True):
    """Host resources (empty: not measured now) and progress of what runs; never queued: the newest replaces.

    A resource that is missing is what it was last: what never changes of a host is told once.
    """

    resources: dict[str, Any]
    progress: list[ProgressReading]


class Instruct(_Message, tag=39, frozen=True):
    """The agent shall ``exit``, ``restart``, ``reboot``, ``shutdown`` or ``sleep``: how is its own configuration's.

    A word the agent does not know is answered by InstructionFailed.
    """

    what: str


class InstructionFailed(_Message, tag=40, frozen=True):
    """The agent could not do what it was told (agent to server)."""

    what: str
    sentence: str


# Files


class FileChunk(_Message, tag=50, frozen=True):
    """A piece of a file of a run (agent to server): at most 64 KiB of zlib-compressed or plain data."""

    job: int
    block: int
    task: int
    run: int
    name: str
    """``log``, or the name of another file; no path."""
    offset: int
    """Place of the piece in the uncompressed file."""
    data: bytes
    compressed: bool = False
    last: bool = False
    """The file is complete with this piece."""


class FileAccepted(_Message, tag=51, frozen=True):
    """The server has kept a file up to ``offset``; with ``done`` the agent may delete it."""

    job: int
    block: int
    task: int
    run: int
    name: str
    offset: int
    done: bool = False


Message = (
    Hello | Welcome | NotLeader | Refused | Goodbye | Ping | Pong | Request | Reply | Subscribe | Unsubscribe | Rows
    | Follow | Unfollow | LogLines | Register | Registered | RunSpec | Start | Stop | Drop | Report | Acknowledge
    | Readings | Instruct | InstructionFailed | FileChunk | FileAccepted
)  # fmt: skip
"""Everything that may be said."""
