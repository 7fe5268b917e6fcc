"""Analytics: views for questions, their rollups, and a role that can only read."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

_SQL = Path(__file__).parent.parent / "sql" / "0006"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Add them."""
    files = ("kinds", "answers", "derived", "scope", "rollups", "comments", "roles", "grants")
    for name in files:
        _run(f"{name}.sql")


def downgrade() -> None:
    """Take them away again; no history is touched."""
    _run("drop.sql")
