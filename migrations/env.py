"""Alembic's entry: run the revisions over the connection that the caller hands in."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="polis", transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
