"""What a run waited for and used: columns that older programs leave as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0003_before"
down_revision = "0002_after"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade():
    for name, usual in (("waited_ms", "-1"), ("cpu_ms", "0"), ("peak_memory", "0")):
        op.add_column("tasks", sa.Column(name, BIG, nullable=False, server_default=usual))
    op.add_column("tasks", sa.Column("gpus", sa.String(512), nullable=False, server_default=""))
