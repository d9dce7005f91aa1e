"""Run by Alembic for every migration, on the connection and in the transaction that `database` has opened."""

from alembic import context
from sqlalchemy import Connection

from earwitness.archive.schema import Tables

connection = context.config.attributes["connection"]
assert isinstance(connection, Connection)
context.configure(
    connection=connection,
    target_metadata=Tables.metadata,
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
