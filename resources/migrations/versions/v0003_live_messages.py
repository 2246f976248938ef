"""Live messages: their queue, its switches, and how far the files of the inbox were read. Frozen."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "live_messages",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dedup_key", sa.String(200), unique=True),
        sa.Column("queue", sa.String(20), nullable=False),
        sa.Column("message_type", sa.String(20), nullable=False),
        sa.Column("sent_by", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("bits_amount", sa.Integer),
        sa.Column("source", sa.String(300), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("audio", sa.Text, nullable=False),
        sa.Column("n_bytes", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("n_claims", sa.Integer, nullable=False),
        sa.Column("n_plays", sa.Integer, nullable=False),
        sa.Column("arrived_at", sa.String(32), nullable=False),
        sa.Column("ready_at", sa.String(32)),
        sa.Column("started_at", sa.String(32)),
        sa.Column("ended_at", sa.String(32)),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("owner_pid", sa.Integer),
        sa.Column("owner_host", sa.String(300)),
        sa.Column("owner_started", sa.String(40)),
        sa.Column("version", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("live_messages_queue", "live_messages", ["queue", "state", "id"])
    op.create_index("live_messages_state", "live_messages", ["state", "id"])
    op.create_table(
        "live_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("active_queue", sa.String(20), nullable=False),
        sa.Column("is_autoplay", sa.Boolean, nullable=False),
        sa.Column("cooldown_ms", sa.Integer),
        sa.Column("last_ended_at", sa.String(32)),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "live_inbox",
        sa.Column("name", sa.String(400), primary_key=True),
        sa.Column("offset_bytes", sa.BigInteger, nullable=False),
        sa.Column("n_lines", sa.Integer, nullable=False),
        sa.Column("tail_sha256", sa.String(64), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
