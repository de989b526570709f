"""Run by alembic: uses the connection and the transaction of whoever opened the statistics database."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    version_table="af_statistics_version",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
