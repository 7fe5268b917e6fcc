"""The view `lineage` ends, also while somebody made a run its own ancestor."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"

_SQL = Path(__file__).parent.parent / "sql" / "0011"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Go up to earlier runs alone."""
    _run("lineage.sql")


def downgrade() -> None:
    """As it was; a view keeps nothing."""
    _run("drop.sql")
