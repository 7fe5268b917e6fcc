"""Closed stretches of large ticks have a filter for every few pages instead of a b-tree on agents."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"

_SQL = Path(__file__).parent.parent / "sql" / "0009"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Change how stretches are closed from now on; those that are keep their indexes."""
    _run("closing.sql")


def downgrade() -> None:
    """As it was; nothing of it is history."""
    _run("drop.sql")
