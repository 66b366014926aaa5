"""The tables as this version of the code knows them; `migrations/` brings any older ledger there.

On PostgreSQL they live in the schema `datagw`: Dagster may use the same database, and has a table `runs` too.
Columns called `hash` are short hashes of long texts, for the indexes.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text

from datagw.ledger.columns import Day, Message, Moment, PathText

SCHEMA = "datagw"  # on PostgreSQL
VERSION_TABLE = "datagw_version"
VERSION = "0003"  # the newest migration

metadata = MetaData()

_row_id = BigInteger().with_variant(Integer, "sqlite")

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("owner_host", Text, nullable=False),
    Column("owner_boot", Text, nullable=False),
    Column("owner_pid", Integer, nullable=False),
    Column("owner_ticks", BigInteger, nullable=False),
    Column("started", Moment, nullable=False),
    Column("ended", Moment),
    Column("state", Text, nullable=False),
    Column("error", Message),
    Index("runs_by_job", "job", "started"),
)

days = Table(
    "days",
    metadata,
    Column("job", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("copy", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("files", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("manifest", Text),
    Column("updated", Moment, nullable=False),
    Column("run", Text, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", _row_id, primary_key=True),
    Column("job", Text, nullable=False),
    Column("day", Day, nullable=False),
    Column("copy", Text, nullable=False),
    Column("source", PathText, nullable=False),
    Column("destination", PathText, nullable=False),
    Column("place", PathText, nullable=False),
    Column("version", PathText, nullable=False),
    Column("content_version", PathText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("verification", Text, nullable=False),
    Column("durable", Boolean, nullable=False),
    Column("copy_size", BigInteger),
    Column("copy_mtime", BigInteger),
    Column("copy_etag", PathText),
    Column("copy_inode", Text),
    Column("at", Moment, nullable=False),
    Column("run", Text, nullable=False),
    Column("gap", Boolean, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("hash", Text, nullable=False),  # of destination
    Index("receipts_by_day", "job", "day", "current"),
    Index("receipts_by_destination", "job", "copy", "hash"),
)

failures = Table(
    "failures",
    metadata,
    Column("id", _row_id, primary_key=True),
    Column("job", Text, nullable=False),
    Column("day", Day, nullable=False),
    Column("copy", Text),
    Column("file", PathText),
    Column("error", Message, nullable=False),
    Column("at", Moment, nullable=False),
    Column("run", Text, nullable=False),
    Index("failures_by_job", "job", "at"),
)

intents = Table(
    "intents",
    metadata,
    Column("job", Text, primary_key=True),
    Column("copy", Text, primary_key=True),
    Column("hash", Text, primary_key=True),  # of part
    Column("part", PathText, nullable=False),
    Column("day", Day, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("destination", PathText, nullable=False),
    Column("source", PathText, nullable=False),
    Column("content_version", PathText, nullable=False),
    Column("version", PathText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("run", Text, nullable=False),
    Index("intents_by_day", "job", "day"),
)

markers = Table(
    "markers",
    metadata,
    Column("job", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("copy", Text, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("path", PathText, nullable=False),
    Column("run", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("job", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("token", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("owner_host", Text, nullable=False),
    Column("owner_boot", Text, nullable=False),
    Column("owner_pid", Integer, nullable=False),
    Column("owner_ticks", BigInteger, nullable=False),
    Column("expires", Float(53), nullable=False),  # seconds since the epoch
    Column("taken_at", Moment, nullable=False),
)

sightings = Table(
    "sightings",
    metadata,
    Column("job", Text, primary_key=True),
    Column("hash", Text, primary_key=True),  # of source and content_version
    Column("source", PathText, nullable=False),
    Column("content_version", PathText, nullable=False),
    Column("first_seen", Day, nullable=False),
    Column("seen", Moment),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("hash", Text, primary_key=True),  # of source
    Column("source", PathText, nullable=False),  # "" for the day as a whole
    Column("version", PathText, nullable=False),
    Column("fingerprint", Text, nullable=False),  # of the job
    Column("gateway", Text, nullable=False),  # that did not answer; "" where that was not the reason
    Column("count", Integer, nullable=False),
    Column("error", Message, nullable=False),
    Column("at", Moment, nullable=False),
)

taken = Table(
    "taken",
    metadata,
    Column("job", Text, primary_key=True),
    Column("hash", Text, primary_key=True),  # of source
    Column("source", PathText, nullable=False),
    Column("version", PathText, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("job", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),  # JSON
)

registrations = Table(
    "registrations",
    metadata,
    Column("id", _row_id, primary_key=True),
    Column("job", Text, nullable=False),
    Column("hash", Text, nullable=False),  # of name
    Column("day", Day, nullable=False),
    Column("name", PathText, nullable=False),
    Column("size", BigInteger),
    Column("sha256", Text),
    Column("sha1", Text),
    Column("etag", PathText),
    Column("modified", Text),
    Column("error", Message),
    Column("at", Moment, nullable=False),
    Column("run", Text, nullable=False),
    Index("registrations_by_name", "job", "hash"),
)

results = Table(
    "results",
    metadata,
    Column("id", _row_id, primary_key=True),
    Column("job", Text, nullable=False),
    Column("occasion", Text, nullable=False),  # a short hash of what the functions were called for
    Column("day", Day, nullable=False),
    Column("run", Text, nullable=False),
    Column("node", Text, nullable=False),  # "" for the graph as a whole
    Column("item", BigInteger, nullable=False),  # -1 for the node as a whole
    Column("state", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),  # of the node as it was
    Column("items", BigInteger),
    Column("output", Text),  # JSON
    Column("error", Message),
    Column("seconds", Float(53), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Index("results_by_occasion", "job", "occasion", "node", "item"),
    Index("results_by_run", "run"),
)
