"""Pages whose commands and Python come true: console blocks, and python blocks that a text block follows.

Everything is run in this process, since starting Python for each command would take most of the time: `polis` is called
as its entry point calls it, and what it prints goes through the shell where a command says so. Below a command
that is refused stands its line on standard error, as in a terminal. The Python of a page is one program that grows
from block to block. A python block without a text block below it is a sketch, and is not run.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from chronopolis.cli import main
from tests.support.story import steps_in

_PART = re.compile(
    r"```console\n(?P<console>.*?)```|```python\n(?P<python>.*?)```\n\n```text\n(?P<text>.*?)```", re.DOTALL
)
_PIPED = re.compile(r"""^polis (?P<said>(?:[^|'"]|'[^']*'|"[^"]*")*)(?:\|(?P<filter>.*))?$""", re.DOTALL)
_BOTH = "2>&1"


def played(page: str, *, folder: Path, told: Callable[[str, str, str], None]) -> str:
    """Run a page from top to bottom and return it with what it really prints.

    Parameters
    ----------
    page : its text
    folder : where filters of the shell are run
    told : called with each command or block, what the page says of it, and what it really prints
    """
    program: dict[str, Any] = {}

    def part(found: re.Match[str]) -> str:
        if found["python"] is not None:
            really = _printed_by(lambda: exec(found["python"], program))
            told(found["python"], found["text"], really)
            return f"```python\n{found['python']}```\n\n```text\n{really}\n```"
        lines = []
        for step in steps_in(found["console"]):
            really = _command(step.command, folder)
            told(step.command, step.printed, really)
            lines.append(f"$ {step.command}\n" + (f"{really}\n" if really else ""))
        return f"```console\n{''.join(lines)}```"

    return _PART.sub(part, page)


def _command(command: str, folder: Path) -> str:
    found = _PIPED.match(command.replace("\\\n", " "))
    assert found is not None, f"no command of polis, with a filter at most: {command}"
    words = shlex.split(found["said"])
    both = words[-1:] == [_BOTH]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(out if both else err):
        code = main.run(words[:-1] if both else words)
    if code == 2:
        return _tidy(err.getvalue())
    assert code in (0, 1), f"$ {command}\nexit code {code}\n{out.getvalue()}\n{err.getvalue()}"
    if found["filter"] is None:
        return _tidy(out.getvalue())
    done = subprocess.run(
        ["bash", "-c", found["filter"]], input=out.getvalue(), capture_output=True, text=True, cwd=folder, check=False
    )
    return _tidy(done.stdout)


def _printed_by(work: Callable[[], None]) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        work()
    return _tidy(out.getvalue())


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
