"""An answer is joined to the request that asked for the same purpose, and not to every one of its agent and tick."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"

_SQL = Path(__file__).parent.parent / "sql" / "0010"


def _execute(statements: str) -> None:
    op.get_bind().connection.driver_connection.execute(statements)


def upgrade() -> None:
    """Say it in the view `thoughts_answered`, which exported runs read from this very file."""
    _execute("SET LOCAL search_path = polis")
    _execute((_SQL / "derived.sql").read_text())
    _execute("SELECT make_run_views()")


def downgrade() -> None:
    """As it was; a view keeps nothing."""
    _execute((_SQL / "drop.sql").read_text())
