"""The first tables: entries and caps. Frozen: what changes later is another file."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_OPEN = sa.text("state IN ('reserved', 'submitting', 'submitted', 'unknown')")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("action_key", sa.String(200), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("scene", sa.String(200), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("estimated_micro", sa.BigInteger, nullable=False),
        sa.Column("actual_micro", sa.BigInteger),
        sa.Column("project_cap_micro", sa.BigInteger),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("idempotency_key", sa.String(64), nullable=False, unique=True),
        sa.Column("job_id", sa.Text),
        sa.Column("intent", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("may_pay_again", sa.Boolean, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("sent_at", sa.String(32)),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("owner_pid", sa.Integer, nullable=False),
        sa.Column("owner_host", sa.String(300), nullable=False),
        sa.Column("owner_started", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("action_key", "attempt", name="ledger_entries_attempt"),
    )
    op.create_index(
        "ledger_entries_one_open", "ledger_entries", ["action_key"], unique=True,
        sqlite_where=_OPEN, postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_index("ledger_entries_project", "ledger_entries", ["project", "scene"])
    op.create_index("ledger_entries_day", "ledger_entries", ["day"])
    op.create_table(
        "ledger_caps",
        sa.Column("scope", sa.String(20), primary_key=True),
        sa.Column("key", sa.String(400), primary_key=True),
        sa.Column("amount_micro", sa.BigInteger, nullable=False),
        sa.Column("set_by", sa.String(200), nullable=False),
        sa.Column("set_at", sa.String(32), nullable=False),
    )
