"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
SMALL = sa.SmallInteger
KIND = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_nopad_bin"}


def number(name, kind=sa.Integer, usual="0"):
    return sa.Column(name, kind, nullable=False, server_default=usual)


def text(name, length=512):
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def key(name, kind=BIG, counts=False):
    return sa.Column(name, kind, primary_key=True, autoincrement=counts)


def fact(name, kind, **more):
    return sa.Column(name, kind, nullable=False, **more)


def upgrade():
    op.create_table(
        "af_farms",
        key("farm", SMALL),
        fact("identity", sa.String(64), unique=True),
        number("last_run", BIG),
        number("last_job", BIG),
        **KIND,
    )
    op.create_table(
        "af_names",
        key("id", sa.Integer, counts=True),
        fact("dimension", SMALL),
        fact("name", sa.String(512)),
        number("parent"),
        **KIND,
    )
    op.create_index("af_names_name", "af_names", ["dimension", "name"], unique=True)
    op.create_index("af_names_parent", "af_names", ["parent"])
    op.create_table(
        "af_rollup",
        key("period", SMALL),
        key("dimension", SMALL),
        key("start"),
        key("name", sa.Integer),
        number("runs", BIG),
        number("errors", BIG),
        number("run_ms", BIG),
        number("error_ms", BIG),
        number("waits", BIG),
        number("waited_ms", BIG),
        number("cpu_ms", BIG),
        number("capacity_ms", BIG),
        number("jobs", BIG),
        number("blocks", BIG),
        number("job_tasks", BIG),
        number("job_run_ms", BIG),
        **KIND,
    )
    op.create_index("af_rollup_name", "af_rollup", ["name", "period", "start"])
    op.create_table(
        "af_statistics",
        key("name", sa.String(64)),
        fact("value", sa.Text),
        **KIND,
    )
    op.create_table(
        "farm_blocks",
        key("farm", SMALL),
        key("job"),
        key("id_block"),
        text("name"),
        text("service"),
        text("parser"),
        number("percent"),
        number("tasks_quantity"),
        number("tasks_ready"),
        number("tasks_running"),
        number("tasks_done"),
        number("tasks_error"),
        number("capacity"),
        number("run_time_sum", BIG),
        number("time_started", BIG),
        number("time_done", BIG),
        **KIND,
    )
    op.create_table(
        "farm_jobs",
        key("farm", SMALL),
        key("id"),
        number("serial", BIG),
        text("name"),
        text("username"),
        text("branch"),
        text("state", 32),
        number("priority"),
        number("percent"),
        number("tasks_quantity"),
        number("tasks_ready"),
        number("tasks_running"),
        number("tasks_done"),
        number("tasks_error"),
        number("capacity_used", BIG),
        number("blocks"),
        text("hostname"),
        number("time_creation", BIG),
        number("time_started", BIG),
        number("time_done", BIG),
        text("annotation"),
        text("description"),
        **KIND,
    )
    op.create_table(
        "farm_pools",
        key("farm", SMALL),
        key("id"),
        text("path"),
        number("priority"),
        number("renders"),
        number("tasks_running"),
        number("capacity_used", BIG),
        number("capacity_host", BIG),
        number("max_tasks_host"),
        number("paused"),
        text("annotation"),
        **KIND,
    )
    op.create_table(
        "farm_renders",
        key("farm", SMALL),
        key("id"),
        text("name"),
        text("pool"),
        text("username"),
        text("state"),
        number("priority"),
        number("capacity", BIG),
        number("capacity_used", BIG),
        number("max_tasks"),
        number("tasks_running"),
        text("address"),
        text("os"),
        text("annotation"),
        number("time_registered", BIG),
        **KIND,
    )
    op.create_table(
        "farm_users",
        key("farm", SMALL),
        key("id"),
        text("name"),
        number("priority"),
        number("jobs"),
        number("tasks_running"),
        number("capacity_used", BIG),
        number("max_running_tasks"),
        text("hosts_mask"),
        text("annotation"),
        **KIND,
    )
    op.create_table(
        "jobs",
        text("annotation"),
        text("blockname"),
        number("capacity"),
        text("description"),
        text("folder"),
        text("jobname"),
        text("hostname"),
        text("service"),
        number("tasks_done"),
        number("tasks_quantity"),
        number("run_time_sum", BIG),
        number("time_done", BIG),
        number("time_started", BIG),
        text("username"),
        number("serial", BIG),
        number("id_block"),
        key("farm", SMALL),
        key("seq"),
        number("job", BIG),
        text("branch"),
        number("run_time_ms", BIG),
        number("started_ms", BIG),
        number("done_ms", BIG),
        **KIND,
    )
    op.create_index("jobs_folder", "jobs", ["folder", "time_done"])
    op.create_index("jobs_serial", "jobs", ["serial", "id_block"])
    op.create_index("jobs_time", "jobs", ["time_done"])
    op.create_index("jobs_user", "jobs", ["username", "time_done"])
    op.create_table(
        "tasks",
        text("annotation"),
        text("blockname"),
        number("capacity"),
        text("command", 4096),
        text("description"),
        number("error"),
        number("errors_count"),
        text("folder"),
        number("frame_pertask", BIG),
        text("hostname"),
        text("jobname"),
        text("resources", 4096),
        text("service"),
        number("starts_count"),
        number("time_done", BIG),
        number("time_started", BIG),
        text("username"),
        number("serial", BIG),
        number("id_block"),
        number("id_task"),
        key("farm", SMALL),
        key("seq"),
        number("job", BIG),
        number("run"),
        text("status", 32),
        number("exit_status", BIG),
        number("started_ms", BIG),
        number("done_ms", BIG),
        number("render"),
        text("pool"),
        text("branch"),
        text("taskname"),
        text("parser"),
        number("coefficient"),
        text("cause"),
        number("waited_ms", BIG, "-1"),
        number("cpu_ms", BIG),
        number("peak_memory", BIG),
        text("gpus"),
        **KIND,
    )
    op.create_index("tasks_folder", "tasks", ["folder", "time_done"])
    op.create_index("tasks_host", "tasks", ["hostname", "time_done"])
    op.create_index("tasks_jobname", "tasks", ["jobname", "time_done"])
    op.create_index("tasks_serial", "tasks", ["serial", "id_block", "id_task"])
    op.create_index("tasks_service", "tasks", ["service", "time_done"])
    op.create_index("tasks_time", "tasks", ["time_done"])
    op.create_index("tasks_user", "tasks", ["username", "time_done"])
