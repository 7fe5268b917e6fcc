"""Forks: what a fork or an intervention can change, as views."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"

_SQL = Path(__file__).parent.parent / "sql" / "0004"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Add them; runs stay as they are."""
    for name in ("views.sql", "grants.sql"):
        _run(name)


def downgrade() -> None:
    """Take them away again; refused while there is a run that has such events."""
    _run("drop.sql")
