"""Pages of docs/ come true: every command, and each line of Python.

POLIS_WRITE_STORY=1 writes into the pages what they print now.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.pages import played
from tests.support.postgres import FreshDatabase
from tests.support.story import comparable

_DOCS = Path(__file__).parents[2] / "docs"
_PICTURE = "why.svg"

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["forks.md", "seek-and-diff.md", "surveys.md", "sweeps.md", "why.md"])
def test_every_command_of_the_page_prints_what_it_says(
    name: str, migrated: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = {"POLIS_HOME": str(tmp_path / "home"), "POLIS_DATABASE_URL": migrated.admin_url}
    for key, value in {**home, "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("POLIS_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    page, wrong = _DOCS / name, []

    def told(what: str, says: str, really: str) -> None:
        if comparable(says) != comparable(really):
            wrong.append(f"{what}\n--- the page\n{says}\n--- really\n{really}")

    written = played(page.read_text(), folder=tmp_path, told=told)
    if os.environ.get("POLIS_WRITE_STORY"):
        page.write_text(written)
        if (tmp_path / _PICTURE).exists():
            shutil.copy(tmp_path / _PICTURE, _DOCS)
        return
    assert not wrong, "\n\n".join(wrong)
    if (tmp_path / _PICTURE).exists():
        assert (tmp_path / _PICTURE).read_bytes() == (_DOCS / _PICTURE).read_bytes()
