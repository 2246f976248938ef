"""What Alembic runs to apply the migrations: on the connection that `database.py` gives, in its transaction."""

from alembic import context
from sqlalchemy import Connection

from resources.database_schema import VERSION_TABLE, metadata


def apply() -> None:
    """Apply them; the caller's transaction makes them all or nothing, so that a killed process leaves none half done.

    Raises:
        RuntimeError: started by the `alembic` command, which has no connection.
    """
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise RuntimeError("migrations are applied when a ledger is opened, not by the alembic command")  # noqa: TRY004
    context.configure(
        connection=connection, target_metadata=metadata, version_table=VERSION_TABLE, transactional_ddl=True
    )
    with context.begin_transaction():
        context.run_migrations()


apply()
