"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001_before"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def number(name, kind=sa.Integer):
    return sa.Column(name, kind, nullable=False, server_default="0")


def text(name, length=512):
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def key(name, kind=BIG):
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def fact(name, kind):
    return sa.Column(name, kind, nullable=False)


def upgrade():
    op.create_table(
        "tasks",
        key("seq"),
        number("job", BIG),
        number("serial", BIG),
        number("id_block"),
        number("id_task"),
        number("run"),
        text("status", 32),
        number("exit_status", BIG),
        number("error"),
        number("errors_count"),
        number("starts_count"),
        number("started_ms", BIG),
        number("done_ms", BIG),
        text("username"),
        text("hostname"),
        number("render"),
        text("pool"),
        text("branch"),
        text("jobname"),
        text("blockname"),
        text("taskname"),
        text("folder"),
        text("description"),
        text("annotation"),
        text("service"),
        text("parser"),
        number("capacity"),
        number("coefficient"),
        number("frame_pertask", BIG),
        text("command", 4096),
        text("resources", 4096),
        text("cause"),
        number("time_started", BIG),
        number("time_done", BIG),
    )
    op.create_index("tasks_job", "tasks", ["job", "seq"])
    op.create_index("tasks_done", "tasks", ["time_done"])
    op.create_table(
        "jobs",
        key("seq"),
        number("job", BIG),
        number("serial", BIG),
        number("id_block"),
        text("jobname"),
        text("blockname"),
        text("username"),
        text("hostname"),
        text("branch"),
        text("folder"),
        text("description"),
        text("annotation"),
        text("service"),
        number("capacity"),
        number("tasks_done"),
        number("tasks_quantity"),
        number("run_time_ms", BIG),
        number("started_ms", BIG),
        number("done_ms", BIG),
        number("run_time_sum", BIG),
        number("time_started", BIG),
        number("time_done", BIG),
    )
    op.create_index("jobs_done", "jobs", ["time_done"])
    op.create_table("af_meta", sa.Column("key", sa.String(64), primary_key=True), fact("value", sa.Text))
    op.create_table(
        "af_journal",
        key("seq"),
        fact("at", sa.Float(53)),
        fact("epoch", BIG),
        fact("format", sa.SmallInteger),
        fact("body", sa.LargeBinary),
        fact("total", BIG),
        fact("last_run", BIG),
        fact("last_job", BIG),
    )
    op.create_table(
        "af_snapshot",
        key("seq"),
        fact("at", sa.Float(53)),
        fact("epoch", BIG),
        fact("format", sa.SmallInteger),
        fact("complete", sa.Boolean),
        fact("size", BIG),
        fact("total", BIG),
        fact("last_run", BIG),
        fact("last_job", BIG),
    )
    op.create_table(
        "af_snapshot_job", key("job"), key("seq"), key("part", sa.Integer), sa.Column("body", sa.LargeBinary)
    )
    op.create_table(
        "af_snapshot_columns",
        key("job"),
        key("block", sa.Integer),
        key("seq"),
        key("position", sa.SmallInteger),
        key("part", sa.Integer),
        fact("body", sa.LargeBinary),
    )
