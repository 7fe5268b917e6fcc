"""Measures: series of figures, a projection of events; and requests to pause a run."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"

_SQL = Path(__file__).parent.parent / "sql" / "0005"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Add them."""
    for name in ("measures.sql", "pauses.sql"):
        _run(name)


def downgrade() -> None:
    """Take them away again: nothing of it is history."""
    _run("drop.sql")
