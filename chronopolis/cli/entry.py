"""Where `polis` begins: Ctrl-C ends it from its first moment on, before there is anything to clear up.

Until then Python shows a traceback, so what is imported here, and by the packages around it, is next to nothing.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_STOPPED = 130


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(_STOPPED)


def main() -> NoReturn:
    """Read the command's modules, which takes a tenth of a second, and run it."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # else somebody has it ignored, and means it
        signal.signal(signal.SIGINT, _leave)
    from chronopolis.cli.main import main

    signal.signal(signal.SIGINT, usual)
    main()
