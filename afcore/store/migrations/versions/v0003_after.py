"""Nothing of earlier versions is removed."""

revision = "0003_after"
down_revision = "0003_before"
branch_labels = None
depends_on = None


def upgrade():
    """Nothing to do."""
