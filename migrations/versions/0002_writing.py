"""What a tick's transaction needs to be one query string."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

_SQL = Path(__file__).parent.parent / "sql" / "0002"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Add what refuses ticks from within a query string."""
    _run("writing.sql")


def downgrade() -> None:
    """Take it away again; no history is touched."""
    _run("drop.sql")
