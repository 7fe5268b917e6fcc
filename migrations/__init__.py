"""Alembic revisions: the only author of the schema. Nothing here imports the project."""
