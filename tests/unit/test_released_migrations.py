"""Migrations that were released stay as they are, to the byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infrastructure import migrate

pytestmark = pytest.mark.unit

MIGRATIONS = Path(migrate.__file__).parent.parent / "migrations"
LISTED = Path(__file__).parent.parent / "golden" / "migrations.sha256"  # as sha256sum writes and reads it


def what_an_upgrade_runs() -> dict[str, str]:
    """Return the SHA-256 of each file below `migrations` that makes a schema what it is."""
    files = [*MIGRATIONS.glob("versions/*.py"), *MIGRATIONS.glob("sql/*/*.sql")]
    return {
        str(file.relative_to(MIGRATIONS)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.name != "drop.sql"  # what only a downgrade runs leaves no schema that is kept
    }


def test_no_released_migration_is_edited_in_place() -> None:
    # A schema that it had upgraded before would differ from a new one, and both say that they are of that revision.
    listed = {name: digest for digest, name in (line.split() for line in LISTED.read_text().splitlines())}
    there = what_an_upgrade_runs()
    changed = sorted(name for name, digest in listed.items() if there.get(name) != digest)
    assert changed == [], "add a revision instead"
    new = sorted(there.keys() - listed.keys())
    assert new == [], f"list what was added, in migrations: sha256sum {' '.join(new)} >> ../tests/golden/{LISTED.name}"
