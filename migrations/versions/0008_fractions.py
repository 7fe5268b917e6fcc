"""Fractions among measures are kept as float64, and no more cut to thousandths."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

_SQL = Path(__file__).parent.parent / "sql" / "0008"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Throw away what is kept, and keep it so from now on."""
    _run("fractions.sql")


def downgrade() -> None:
    """As it was; nothing of it is history."""
    _run("drop.sql")
