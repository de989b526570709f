"""There was nothing before the first version, so nothing is removed."""

revision = "0001_after"
down_revision = "0001_before"
branch_labels = None
depends_on = None


def upgrade():
    """Nothing to do."""
