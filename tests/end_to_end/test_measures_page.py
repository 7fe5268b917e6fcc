"""docs/measures.md comes true, command by command, and lists every measure that there is.

POLIS_WRITE_STORY=1 writes into the page what the commands print now, the list, and the picture.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.measures import ALIASES, MEASURES
from tests.support.commands import home_with_server
from tests.support.story import comparable, rewritten, run_step, steps_of

_PAGE = Path(__file__).parents[2] / "docs" / "measures.md"
_LIST = "<!-- measures -->\n"

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own, whose database stays up between commands."""
    with home_with_server() as folder:
        yield folder


def measures_table() -> str:
    """Return the list of measures as the page has it."""
    lines = ["", "| measure | kind | unit | meaning |", "|---|---|---|---|"]
    for m in MEASURES.values():
        meaning = f"{m.meaning} {m.source}".strip()
        lines.append(f"| `{m.name}` | {m.kind} | {m.unit} | {meaning} |")
    others = ", ".join(f"`{name}` for `{other}`" for name, other in ALIASES.items())
    return "\n".join([*lines, "", f"Also: {others}."]) + "\n"


def test_the_page_lists_every_measure() -> None:
    page, wanted = _PAGE.read_text(), measures_table()
    if os.environ.get("POLIS_WRITE_STORY"):
        before, after = page.split(_LIST)[0], "\n[1]" + page.split("\n[1]", 1)[1]
        _PAGE.write_text(before + _LIST + wanted + after)
        return
    assert wanted in page


@pytest.mark.timeout(900)
def test_every_command_of_the_page_prints_what_the_page_says(tmp_path: Path, home: Path) -> None:
    steps = list(steps_of(_PAGE))
    printed = [run_step(step.command, home, folder=tmp_path) for step in steps]
    if os.environ.get("POLIS_WRITE_STORY"):
        _PAGE.write_text(rewritten(_PAGE.read_text(), printed))
        shutil.copy(tmp_path / "lean-years.png", _PAGE.with_name("measures.png"))
        return
    for step, really in zip(steps, printed, strict=True):
        assert comparable(really) == comparable(step.printed), step.command
