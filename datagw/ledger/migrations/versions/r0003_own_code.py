"""What own code registers, and what its functions have returned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes two tables."""
    op.create_table(
        "registrations",
        sa.Column("id", _row_id, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.Column("sha256", sa.Text),
        sa.Column("sha1", sa.Text),
        sa.Column("etag", sa.Text),
        sa.Column("modified", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
    )
    op.create_index("registrations_by_name", "registrations", ["job", "hash"])
    op.create_table(
        "results",
        sa.Column("id", _row_id, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("item", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("items", sa.BigInteger),
        sa.Column("output", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('done', 'failed', 'skipped')", name="result_state"),
    )
    op.create_index("results_by_occasion", "results", ["job", "occasion", "node", "item"])
    op.create_index("results_by_run", "results", ["run"])
