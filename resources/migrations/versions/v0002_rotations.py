"""The tables of rotations. Frozen: what changes later is another file."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rotations",
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("seed", sa.String(200), nullable=False),
        sa.Column("members", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("noted_at", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "rotation_places",
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("cycle", sa.Integer, nullable=False),
        sa.Column("looked", sa.Integer, nullable=False),
        sa.Column("n_given", sa.Integer, nullable=False),
        sa.Column("last_item", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "rotation_handouts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("cycle", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(200)),
        sa.Column("given_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("kind", "cycle", "item", name="rotation_handouts_once"),
        sa.UniqueConstraint("kind", "request_id", name="rotation_handouts_request"),
    )
