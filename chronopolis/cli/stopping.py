"""Ctrl-C and SIGTERM: runs finish their tick at the first and are left at the second; other commands just end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from chronopolis.cli.errors import STOPPED, StoppedAtOnce
from chronopolis.cli.output import Output, error_json, error_lines

if TYPE_CHECKING:
    from workers.runner import Runner

_LAST_MOMENTS_S, _LAST_WORD_S = 2.0, 0.5


# -- any command ---------------------------------------------------------------------------------------


class Terminated(KeyboardInterrupt):
    """SIGTERM, on its way out as Ctrl-C is."""


def terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM as Python does Ctrl-C."""
    raise Terminated


def hear_no_more() -> None:
    """Ignore both from now on: what is being said and cleared up is said and cleared up once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def leave_stopped() -> NoReturn:
    """Leave with 130, however impatiently somebody goes on pressing Ctrl-C while the interpreter ends."""
    hear_no_more()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(STOPPED)


# -- runs --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def stoppable(runner: Runner, output: Output, name: str) -> Iterator[Callable[[], bool]]:
    """Stop the runner at the first signal, leave at the second; lend what says whether that came."""
    told = 0

    def leave() -> None:
        _leave(StoppedAtOnce(name), as_json=output.as_json)

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal told
        told += 1
        if told == 1:
            runner.stop()
            output.say("stopping after this tick; once more leaves at once")
            return
        # Everything reported durable is safe. Clean up if that is quick; the server may be gone, and then
        # it would not be.
        timer = threading.Timer(_LAST_MOMENTS_S, leave)
        timer.daemon = True
        timer.start()
        if told == 2:
            raise KeyboardInterrupt
        leave()

    before = _heard_by(stop)
    try:
        yield lambda: told > 1
    finally:
        if told < 2:  # else whoever presses it once more still leaves at once
            _heard_again_by(before)


@contextlib.contextmanager
def hearing(stop: Callable[[int], None]) -> Iterator[None]:
    """Call `stop` with how many signals came; the third is a Ctrl-C as of any other command."""
    told = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal told
        told += 1
        if told > 2:
            raise KeyboardInterrupt
        stop(told)

    before = _heard_by(hear)
    try:
        yield
    finally:
        _heard_again_by(before)


def _heard_by(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Have a handler hear what asks a run to stop; return what did before."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has it ignored, and means it
        numbers.append(signal.SIGHUP)
    return {number: signal.signal(number, handler) for number in numbers}


def _heard_again_by(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _leave(error: StoppedAtOnce, *, as_json: bool) -> None:
    """End this process, with a last word unless whoever should read it does not."""
    telling = threading.Thread(target=_tell, args=(error,), kwargs={"as_json": as_json}, daemon=True)
    telling.start()
    telling.join(_LAST_WORD_S)
    os._exit(STOPPED)


def _tell(error: StoppedAtOnce, *, as_json: bool) -> None:
    # Past Python's streams: whoever is stuck may be in the middle of a write, and have locked them.
    kind = type(error).__name__
    cursor = "\x1b[?25h" if os.isatty(2) else ""  # rich hid it
    with contextlib.suppress(OSError):
        os.write(2, f"{cursor}{error_lines(kind, str(error))}\n".encode())
    if as_json:
        with contextlib.suppress(OSError):
            os.write(1, f"{error_json(kind, str(error), STOPPED)}\n".encode())
