"""The old names of afcmd: every verb of the classic command line, as an alias of operations of the registry.

Rules of this file:
- It is a table; what a verb does is in ``verbsdone`` (asks the farm) and ``verbshere`` (asks nobody).
- A NAME or MASK is a regular expression that must match a whole name, as the classic afcmd had it; names of renders are
  lower case.
- What is not possible here says so and names what to use instead; no verb is without an answer.
"""

from typing import NamedTuple

from afcore.errors import did_you_mean

__all__ = ["SAME", "VERBS", "Verb", "describe_verb", "find_verb", "list_verbs"]


class Verb(NamedTuple):
    """One old name."""

    name: str
    words: str
    """Its arguments, for people; those in brackets may be left out."""
    help: str
    alias: str = ""
    """The operations it is another name of; empty when nothing is asked of the farm's operations."""
    change: str = ""
    """Parameter that it sets, or the word that its operation takes."""

    @property
    def least(self) -> int:
        """How many arguments it must have."""
        return sum(1 for word in self.words.split() if not word.startswith("["))

    @property
    def most(self) -> int:
        """How many arguments it may have; without bound when the last ends in dots."""
        return 1_000_000 if self.words.endswith("...") else len(self.words.split())


def _verbs() -> list[Verb]:
    found = [
        Verb("jlist", "", "List jobs.", "job.list"),
        Verb("jid", "ID", "Show one job with its blocks.", "job.show"),
        Verb("jlog", "ID", "Show what happened to a job.", "job.log"),
        Verb("jprog", "ID", "Show the state of every task of a job.", "job.tasks"),
        Verb("jweight", "", "Show about how many bytes the farm keeps for each job.", "job.weight"),
        Verb("jpri", "NAME PRIORITY", "Set the priority of jobs.", "job.set", "priority"),
        Verb("jtmax", "NAME COUNT", "Set how many tasks of jobs may run at once.", "job.set", "max_running_tasks"),
        Verb("jhmask", "NAME MASK", "Set the hosts mask of jobs.", "job.set", "hosts_mask"),
        Verb("juser", "NAME USER", "Give jobs to another user.", "job.set", "user_name"),
    ]
    for word, what in (
        ("pause", "Start nothing more of jobs; running tasks go on."),
        ("start", "Let paused jobs run again."),
        ("stop", "Pause jobs and stop their running tasks."),
        ("restart", "Make all tasks of jobs ready again."),
        ("delete", "Stop and remove jobs."),
    ):
        found.append(Verb("jdel" if word == "delete" else f"j{word}", "MASK", what, f"job.{word}"))
    found += [
        Verb("tlog", "JOB BLOCK TASK", "List the finished runs of a task.", "history.runs"),
        Verb("tout", "JOB BLOCK TASK [NUMBER]", "Print the output of a task's run.", "task.log"),
        Verb("trestart", "JOB BLOCK TASK", "Make a task ready again.", "task.restart"),
        Verb("rlist", "", "List renders.", "render.list"),
        Verb("rrlist", "[MASK]", "Show what hosts measure; MASK is the beginning of their names.", "render.list"),
        Verb("rpri", "NAME PRIORITY", "Set the priority of renders.", "render.set", "priority"),
        Verb("rnimby", "NAME", "Let renders run only tasks of their own user.", "render.set", "nimby=true"),
        Verb("rNIMBY", "NAME", "Let renders run nobody's tasks.", "render.set", "NIMBY=true"),
        Verb("rfree", "NAME", "Let renders run everybody's tasks.", "render.set", "nimby=false NIMBY=false"),
        Verb("rpause", "NAME", "Start nothing more on renders.", "render.set", "paused=true"),
        Verb("runpause", "NAME", "Let paused renders run tasks again.", "render.set", "paused=false"),
        Verb("ruser", "NAME USER", "Give renders to another user.", "render.set", "user_name"),
        Verb("reject", "NAME", "Stop what runs on renders; the tasks are ready again.", "render.eject-tasks"),
        Verb("rejnotmy", "NAME", "The same, but keep tasks of their own user.", "render.eject-tasks", "not_mine"),
        Verb("rdel", "NAME", "Forget renders that are offline.", "render.delete"),
        Verb("rexit", "NAME", "Let afrender end on hosts.", "render.exit"),
        Verb("rsleep", "NAME", "Send hosts to sleep.", "render.sleep"),
        Verb("rwake", "NAME", "Wake hosts.", "render.wake"),
        Verb("rsrvon", "NAME SERVICE", "Enable a service of renders.", "render.services", "enable"),
        Verb("rsrvoff", "NAME SERVICE", "Disable a service of renders.", "render.services", "disable"),
        Verb("plist", "", "List pools.", "pool.list"),
        Verb("plog", "ID", "Show what happened to a pool."),
        Verb("ppri", "NAME PRIORITY", "Set the priority of pools.", "pool.set", "priority"),
        Verb("ppause", "NAME", "Start nothing more on a pool's renders.", "pool.set", "paused=true"),
        Verb("punpause", "NAME", "Let a paused pool run tasks again.", "pool.set", "paused=false"),
        Verb("psrvadd", "NAME SERVICE", "Add a service to pools.", "pool.services", "add"),
        Verb("psrvdel", "NAME SERVICE", "Remove a service from pools.", "pool.services", "remove"),
        Verb("ulist", "", "List users.", "user.list"),
        Verb("ujobs", "ID", "List the jobs of a user, by id or name.", "job.list"),
        Verb("uadd", "NAME", "Add a user.", "user.add"),
        Verb("udel", "NAME", "Remove users without jobs.", "user.delete"),
        Verb("upri", "NAME PRIORITY", "Set the priority of users.", "user.set", "priority"),
        Verb("utmax", "NAME COUNT", "Set how many tasks of users may run at once.", "user.set", "max_running_tasks"),
        Verb("uhmask", "NAME MASK", "Set the hosts mask of users.", "user.set", "hosts_mask"),
        Verb("mlist", "", "List monitors of the classic dialect."),
        Verb("mlog", "ID", "Show what a classic monitor did."),
        Verb("mmsg", "TEXT...", "Send a message to every classic monitor."),
        Verb("fload", "FILE", "Let the farm be as a farm file says.", "farm.load"),
        Verb("cload", "", "Let the server read its configuration files again.", "config.reload"),
        Verb("stat", "", "Show messages and bytes by kind and peer; the same as traffic.", "server.traffic"),
        Verb("cfm", "", "Say hello in the binary framing."),
        Verb("inv", "", "Send a message that means nothing."),
        Verb("txt", "TEXT...", "Send a text; the server says that it came."),
        Verb("txtgen", "SIZE [COUNT]", "Send texts of SIZE bytes, COUNT times, and time them."),
        Verb("tmsg", "SIZE [COUNT]", "The same with test messages."),
        Verb("json", "send|force_send FILE", "Send a request of the JSON dialect from a file and print the answer."),
        Verb("h", "[NAME]", "List the old names, or explain one."),
        Verb("v", "", "Print the version."),
        Verb("rx", "PATTERN TEXT", "Try a regular expression: does it match the whole text?"),
        Verb("str", "TEXT...", "Show how the arguments arrive."),
        Verb("path", "TEXT", "Show what a path is on the farm and here."),
        Verb("net", "", "List the network interfaces of this machine."),
        Verb("numeric", "FIRST LAST [PER_TASK] [INCREMENT]", "Show the tasks of a numeric block."),
        Verb("numcmd", "COMMAND START [END]", "Fill the frames into a command."),
        Verb("md5", "TEXT", "Print the MD5 of a text."),
        Verb("fork", "[COUNT]", "A test of the reference's own threads."),
        Verb("tthr", "[COUNT]", "A test of the reference's own threads."),
        Verb("db_check", "", "Check the database of the statistics.", "statistics.check"),
        Verb("db_reset_all", "[--yes]", "Empty all tables of the statistics, or make them.", "statistics.reset", "all"),
        Verb("db_reset_jobs", "[--yes]", "Empty the statistics' table of jobs.", "statistics.reset", "jobs"),
        Verb("db_reset_tasks", "[--yes]", "Empty the statistics' table of tasks.", "statistics.reset", "tasks"),
        Verb("db_updatetables", "", "Bring the statistics' tables to this version.", "statistics.update-tables"),
        Verb("db_drivers", "", "List the databases that the server can talk to.", "statistics.drivers"),
    ]
    return found


SAME = frozenset({"path"})
"""Old names that are today's too: the command line reads them by itself."""

VERBS: dict[str, Verb] = {verb.name: verb for verb in _verbs()}
"""Every old name."""


def find_verb(name: str) -> Verb | None:
    """Return a verb by its old name."""
    return VERBS.get(name)


def list_verbs() -> list[str]:
    """Return a line for each old name: what it takes, and what it does."""
    usages = [f"{verb.name} {verb.words}".rstrip() for verb in VERBS.values()]
    width = min(36, max(map(len, usages)))
    return [f"{usage:<{width}}  {verb.help}" for usage, verb in zip(usages, VERBS.values())]


def describe_verb(name: str) -> list[str]:
    """Return what to say about one old name."""
    verb = VERBS.get(name)
    if verb is None:
        hint = did_you_mean(name, VERBS) or "`afcmd h` lists the old names."
        return [f'There is no old name "{name}". {hint}']
    lines = [f"afcmd {verb.name} {verb.words}".rstrip(), f"  {verb.help}"]
    if verb.alias:
        lines.append(f"  Today's name: afcmd {verb.alias.replace('.', ' ')}")
    return lines
