"""Readers take no part in our locks nor in each other's sessions; one more rollup, of what each agent did."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"

_SQL = Path(__file__).parent.parent / "sql" / "0007"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Take from the reading role what Postgres lets everybody do, and add the rollup."""
    for name in ("readers.sql", "agent_activity.sql"):
        _run(name)


def downgrade() -> None:
    """Undo both; no history is touched, and rollups are made anew."""
    _run("drop.sql")
