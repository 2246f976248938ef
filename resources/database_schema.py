"""The tables of the database, as this version of the program knows them.

How a database comes to have them is in `migrations/` (a change here needs a new file there, and `HEAD` raised); how it
is opened is in `database.py`. Amounts are whole micro-dollars, times are ISO 8601 text in UTC.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

HEAD = "0003"
"""The newest migration that this version knows. They are numbered: a greater one comes from a newer version."""

VERSION_TABLE = "ledger_version"
"""Not Alembic's usual name: a Postgres database may be Dagster's too, whose own version stands under that one."""

OPEN_STATES = ("reserved", "submitting", "submitted", "unknown")
_OPEN = text("state IN ('reserved', 'submitting', 'submitted', 'unknown')")

metadata = MetaData()

entries = Table(
    "ledger_entries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("action_key", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("project", String(200), nullable=False),
    Column("scene", String(200), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("provider", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("estimated_micro", BigInteger, nullable=False),
    Column("actual_micro", BigInteger),
    Column("project_cap_micro", BigInteger),
    Column("state", String(20), nullable=False),
    Column("idempotency_key", String(64), nullable=False, unique=True),
    Column("job_id", Text),
    Column("intent", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("may_pay_again", Boolean, nullable=False),
    Column("day", String(10), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("sent_at", String(32)),
    Column("updated_at", String(32), nullable=False),
    Column("owner_pid", Integer, nullable=False),
    Column("owner_host", String(300), nullable=False),
    Column("owner_started", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("action_key", "attempt", name="ledger_entries_attempt"),
    Index("ledger_entries_one_open", "action_key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ledger_entries_project", "project", "scene"),
    Index("ledger_entries_day", "day"),
)

caps = Table(
    "ledger_caps",
    metadata,
    Column("scope", String(20), primary_key=True),
    Column("key", String(400), primary_key=True),
    Column("amount_micro", BigInteger, nullable=False),
    Column("set_by", String(200), nullable=False),
    Column("set_at", String(32), nullable=False),
)

rotations = Table(
    "rotations",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("seed", String(200), nullable=False),
    Column("members", Text, nullable=False),  # the data set at the last hand-out, as JSON
    Column("note", Text, nullable=False),
    Column("noted_at", String(32), nullable=False),
    Column("started_at", String(32), nullable=False),
)
"""A row per kind; written only when the seed or the data set is another."""

rotation_places = Table(
    "rotation_places",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("cycle", Integer, nullable=False),
    Column("looked", Integer, nullable=False),
    Column("n_given", Integer, nullable=False),
    Column("last_item", Text, nullable=False),
    Column("digest", String(64), nullable=False),  # of seed and data set: they order the cycle
    Column("updated_at", String(32), nullable=False),
)
"""Where each rotation is: written with every hand-out, in its transaction."""

rotation_handouts = Table(
    "rotation_handouts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("item", Text, nullable=False),
    Column("request_id", String(200)),
    Column("given_at", String(32), nullable=False),
    UniqueConstraint("kind", "cycle", "item", name="rotation_handouts_once"),
    UniqueConstraint("kind", "request_id", name="rotation_handouts_request"),
)
"""What was given: the cycle that runs, and the newest of those before."""

live_messages = Table(
    "live_messages",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dedup_key", String(200), unique=True),
    Column("queue", String(20), nullable=False),
    Column("message_type", String(20), nullable=False),
    Column("sent_by", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("bits_amount", Integer),
    Column("source", String(300), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("audio", Text, nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("n_claims", Integer, nullable=False),
    Column("n_plays", Integer, nullable=False),
    Column("arrived_at", String(32), nullable=False),
    Column("ready_at", String(32)),
    Column("started_at", String(32)),
    Column("ended_at", String(32)),
    Column("updated_at", String(32), nullable=False),
    Column("owner_pid", Integer),
    Column("owner_host", String(300)),
    Column("owner_started", String(40)),
    Column("version", Integer, nullable=False),
    Index("live_messages_queue", "queue", "state", "id"),
    Index("live_messages_state", "state", "id"),
    sqlite_autoincrement=True,  # the number of a message that was pruned is never given to another
)

live_state = Table(
    "live_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("active_queue", String(20), nullable=False),
    Column("is_autoplay", Boolean, nullable=False),
    Column("cooldown_ms", Integer),
    Column("last_ended_at", String(32)),
    Column("updated_at", String(32), nullable=False),
    Column("version", Integer, nullable=False),
)

live_inbox = Table(
    "live_inbox",
    metadata,
    Column("name", String(400), primary_key=True),
    Column("offset_bytes", BigInteger, nullable=False),
    Column("n_lines", Integer, nullable=False),
    Column("tail_sha256", String(64), nullable=False),
    Column("updated_at", String(32), nullable=False),
    Column("version", Integer, nullable=False),
)
