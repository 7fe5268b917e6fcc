"""Standard input, output and error: that all three are there, and what it means when one of them fails."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import sys
from typing import Any, TextIO


class OutputFailed(OSError):
    """Standard output takes no more, as on a full disk; that whoever read it went away is a BrokenPipeError."""

    def __str__(self) -> str:
        return (
            f"standard output could not be written: {self.strerror}\n"
            "What was recorded is unharmed; `polis runs` says how far each run has come."
        )


class _Output(io.FileIO):
    """Standard output, whose errors can be told from those of any other file: they name none."""

    nobody_reads = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            _Output.nobody_reads = True
            raise
        except OSError as error:
            raise OutputFailed(error.errno, error.strerror) from None


def take_up() -> None:
    """Put something in the place of what is closed, and let errors of standard output say that they are.

    The next file would get the number of what is closed, and a connection to the database would get our output.
    What the encoding of a locale has no letter for is escaped, so that it is still told, and JSON is still JSON.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # the lowest number that is free is this one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    was: Any = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(1, "w", closefd=False)), encoding=was.encoding,
        errors=was.errors if _has_all(was.encoding) else _ESCAPED,
        line_buffering=was.line_buffering, write_through=was.write_through,
    )  # fmt: skip


def draw_plainly(stream: Any) -> None:
    """Let ornaments that the encoding of a stream lacks be drawn with what it has, one letter for one."""
    if isinstance(stream, io.TextIOWrapper) and not _has_all(stream.encoding):
        stream.reconfigure(errors=_DRAWN)


def _has_all(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith("utf")


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_escaped(letter) for letter in error.object[error.start : error.end]), error.end


def _draw(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in letters), error.end


def _escaped(letter: str) -> str:
    # As JSON does it, in which \x and \U, those of Python, mean nothing.
    return json.dumps(letter)[1:-1]


_ESCAPED, _DRAWN = "polis-escaped", "polis-drawn"
_PLAIN = {"●": "o", "·": "-", "←": "<", "→": ">", "…": "~", "–": "-", "░": ".", "“": '"', "”": '"'} | dict(
    zip("▁▂▃▄▅▆▇█", "12345678", strict=True)
)
codecs.register_error(_ESCAPED, _escape)
codecs.register_error(_DRAWN, _draw)


def nobody_reads() -> bool:
    """Return whether whoever read standard output was found to have gone away."""
    return _Output.nobody_reads


def give_up(stream: TextIO) -> None:
    """Give up a stream that fails, so that the interpreter does not complain about it on its way out."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def flush() -> None:
    """Write what is left; nobody has to be listening on standard error."""
    try:
        sys.stderr.flush()
    except OSError:
        give_up(sys.stderr)
    sys.stdout.flush()
