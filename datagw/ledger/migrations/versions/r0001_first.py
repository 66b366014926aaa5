"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("owner_host", sa.Text, nullable=False),
        sa.Column("owner_boot", sa.Text, nullable=False),
        sa.Column("owner_pid", sa.Integer, nullable=False),
        sa.Column("owner_ticks", sa.BigInteger, nullable=False),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("ended", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'partly', 'cancelled', 'lost')", name="run_state"),
    )
    op.create_index("runs_by_job", "runs", ["job", "started"])
    op.create_table(
        "days",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("copy", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("manifest", sa.Text),
        sa.Column("updated", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('published', 'empty', 'failed', 'unfinished', 'missing')", name="day_state"),
    )
    op.create_table(
        "receipts",
        sa.Column("id", _row_id, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("copy", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("content_version", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("verification", sa.Text, nullable=False),
        sa.Column("durable", sa.Boolean, nullable=False),
        sa.Column("copy_size", sa.BigInteger),
        sa.Column("copy_mtime", sa.BigInteger),
        sa.Column("copy_etag", sa.Text),
        sa.Column("copy_inode", sa.Text),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("gap", sa.Boolean, nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("verification IN ('hash', 'readback', 'size', 'accepted')", name="receipt_verification"),
    )
    op.create_index("receipts_by_day", "receipts", ["job", "day", "current"])
    op.create_index("receipts_by_destination", "receipts", ["job", "copy", "hash"])
    op.create_table(
        "failures",
        sa.Column("id", _row_id, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("copy", sa.Text),
        sa.Column("file", sa.Text),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
    )
    op.create_index("failures_by_job", "failures", ["job", "at"])
    op.create_table(
        "intents",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("copy", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("content_version", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.CheckConstraint("kind IN ('part', 'aside', 'old')", name="intent_kind"),
    )
    op.create_index("intents_by_day", "intents", ["job", "day"])
    op.create_table(
        "markers",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("copy", sa.Text, primary_key=True),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("owner_host", sa.Text, nullable=False),
        sa.Column("owner_boot", sa.Text, nullable=False),
        sa.Column("owner_pid", sa.Integer, nullable=False),
        sa.Column("owner_ticks", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.Float(53), nullable=False),
        sa.Column("taken_at", sa.Text, nullable=False),
    )
    op.create_table(
        "sightings",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("content_version", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Text, nullable=False),
    )
    op.create_table(
        "positions",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refused: there is nothing before them."""
    raise NotImplementedError("a ledger is not taken back to before its first version")
