"""When Python looks for garbage: seldom while a command starts, as usual while it runs long."""

from __future__ import annotations

import gc

_WHILE_STARTING = (50_000, 10, 10)
_AS_USUAL = gc.get_threshold()


def collect_seldom() -> None:
    """What a command imports stays: looking through it for garbage again and again takes a tenth of its start."""
    gc.set_threshold(*_WHILE_STARTING)


def collect_as_usual() -> None:
    """Leave what is loaded alone for good, and look through what is made from now on as often as Python does.

    A tick with minds leaves objects that refer to each other, and to whole batches of events: an eighth of a megabyte.
    """
    gc.freeze()
    gc.set_threshold(*_AS_USUAL)
