"""History: runs, leases, ticks, events, inputs, snapshots, texts; append-only; the public views."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

_SQL = Path(__file__).parent.parent / "sql" / "0001"


def _run(name: str) -> None:
    # The driver's own cursor: several statements in one string, and no % to escape.
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Create everything, in the order in which a newcomer should read it."""
    for name in ("roles.sql", "tables.sql", "append_only.sql", "partitions.sql", "views.sql", "grants.sql"):
        _run(name)


def downgrade() -> None:
    """Drop everything; refused while there is a run, since history can't be made again."""
    _run("drop.sql")
