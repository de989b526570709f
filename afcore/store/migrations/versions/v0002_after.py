"""Nothing of the first version is removed."""

revision = "0002_after"
down_revision = "0002_before"
branch_labels = None
depends_on = None


def upgrade():
    """Nothing to do."""
