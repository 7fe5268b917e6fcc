"""A COPY of ticks can say where the server is to write the rows that it has gathered."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"

_SQL = Path(__file__).parent.parent / "sql" / "0012"


def _run(name: str) -> None:
    op.get_bind().connection.driver_connection.execute((_SQL / name).read_text())


def upgrade() -> None:
    """Give marks a partition, which takes none."""
    _run("marks.sql")


def downgrade() -> None:
    """As it was: there is nothing in it."""
    _run("drop.sql")
