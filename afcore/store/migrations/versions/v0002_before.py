"""Accounts and their like, and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0002_before"
down_revision = "0001_after"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def word(name, length=256):
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade():
    op.create_table(
        "af_kept",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(256), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "af_audit",
        sa.Column("seq", BIG, primary_key=True, autoincrement=False),
        sa.Column("at_ms", BIG, nullable=False),
        word("who"),
        word("role", 16),
        word("origin"),
        word("operation"),
        word("action"),
        word("what", 4096),
        sa.Column("body", sa.LargeBinary, nullable=False),
        word("hash", 64),
    )
    op.create_index("af_audit_who", "af_audit", ["who", "seq"])
