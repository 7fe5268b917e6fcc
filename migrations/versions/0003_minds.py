"""Minds: their events' views, what is kept beside their answers, their area of state."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

_SQL = Path(__file__).parent.parent / "sql" / "0003"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Add what minds need; runs without them stay as they are."""
    for name in ("minds.sql", "views.sql", "grants.sql"):
        _run(name)


def downgrade() -> None:
    """Take it away again; refused while there is a run with minds."""
    _run("drop.sql")
