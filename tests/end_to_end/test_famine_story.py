"""The guided story in docs/famine.md comes true, command by command.

POLIS_WRITE_STORY=1 writes into the page what the commands print now.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import home_with_server
from tests.support.story import comparable, rewritten, run_step, steps_of

_PAGE = Path(__file__).parents[2] / "docs" / "famine.md"

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own, whose database stays up between commands."""
    with home_with_server() as folder:
        yield folder


@pytest.mark.timeout(900)
def test_every_command_of_the_famine_prints_what_the_page_says(tmp_path, home):
    steps = list(steps_of(_PAGE))
    printed = [run_step(step.command, home, folder=tmp_path) for step in steps]
    if os.environ.get("POLIS_WRITE_STORY"):
        _PAGE.write_text(rewritten(_PAGE.read_text(), printed))
        return
    for step, really in zip(steps, printed, strict=True):
        assert comparable(really) == comparable(step.printed), step.command


def test_what_the_page_concludes_is_what_its_table_says():
    page = _PAGE.read_text()
    starved = [(int(dry), int(wet)) for dry, wet in re.findall(r"^ +\d+ +(\d+) +(\d+)$", page, re.MULTILINE)]
    assert len(starved) == 12 and all(wet < dry for dry, wet in starved)
    assert sum(wet == 0 for _, wet in starved) == 8 and "in eight of the twelve villages" in page
