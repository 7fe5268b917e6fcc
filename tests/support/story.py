"""A page of commands that comes true: every `$ polis …` of its console blocks is run, and what it prints is compared.

What a clock or a machine decides (milliseconds, rates, memory) is left out of the comparison, and nothing else is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.shell import run_in_shell

_BLOCK = re.compile(r"(```console\n)(.*?)(```)", re.DOTALL)
_OF_THE_CLOCK = re.compile(r"^│ (events|tick|memory) .*(a second|p50|MB).*$|^\s*\d[\d,]* rows? in .*$|^.*\btook \d.*$")


@dataclass(frozen=True)
class Step:
    """One command of a page and what the page says that it prints."""

    command: str
    printed: str


def steps_of(page: Path) -> Iterator[Step]:
    """Yield the commands of a page's console blocks, in order."""
    for block in _BLOCK.findall(page.read_text()):
        yield from steps_in(block[1])


def steps_in(text: str) -> Iterator[Step]:
    """Yield the commands of one block, in order."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = [lines.pop(0)]
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        yield Step("\n".join(command), "\n".join(lines).rstrip())


def run_step(command: str, home: Path, *, folder: Path) -> str:
    """Run one command as a reader would, and return what it prints on standard output.

    The shell is the reader's own, so pipes and loops work; this process answers what it asks of `polis`.
    """
    environment = {**os.environ, "POLIS_HOME": str(home), "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}
    done = run_in_shell(command, environment=environment, folder=folder, timeout_s=240)
    if done.returncode not in (0, 1):  # 1: the check failed, which a story may show
        raise AssertionError(f"$ {command}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")


def comparable(printed: str) -> list[str]:
    """Return the lines that are the same on every machine."""
    return [line.rstrip() for line in printed.strip().splitlines() if not _OF_THE_CLOCK.match(line.strip())]


def rewritten(page: str, printed: list[str]) -> str:
    """Return the page with what its commands really printed."""
    outputs = iter(printed)

    def block(found: re.Match[str]) -> str:
        parts = []
        for step in steps_in(found[2]):
            text = next(outputs)
            parts.append(f"$ {step.command}\n" + (f"{text}\n" if text else ""))
        return found[1] + "".join(parts) + found[3]

    return _BLOCK.sub(block, page)
