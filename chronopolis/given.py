"""What notebooks give as arguments: refused in Python's words where it means nothing."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

from chronopolis.errors import WrongUsage
from domain.errors import shown


def whole(name: str, value: Any, *, least: int | None = None) -> int:
    """Return a whole number, numpy's included; nothing is cut off a fraction, and a truth is no number.

    Raises
    ------
    WrongUsage
    """
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise WrongUsage(f"{name}={shown(value)}: give a whole number")
    if least is not None and number < least:
        raise WrongUsage(f"{name}={number}: give {least} or more")
    return number


def words(*given: str | Iterable[str]) -> tuple[str, ...]:
    """Return what is given one by one, or in lists, as one tuple.

    Raises
    ------
    WrongUsage
    """
    found: list[str] = []
    for each in given:
        parts = [each] if isinstance(each, str) or not isinstance(each, Iterable) else list(each)
        for part in parts:
            if not isinstance(part, str):
                raise WrongUsage(f"{shown(part)} is no name")
            found.append(part)
    return tuple(found)


def address(event: str | tuple[int, int]) -> str:
    """Return the address of an event, given as such or as a pair of tick and ordinal.

    Raises
    ------
    WrongUsage
    """
    if isinstance(event, str):
        return event
    try:
        tick, ordinal = event
    except (TypeError, ValueError):
        raise WrongUsage(f"{shown(event)} is no event", "Give tick and ordinal, as '1200:17' or (1200, 17).") from None
    return f"{whole('tick', tick)}:{whole('ordinal', ordinal)}"


__all__ = ["address", "whole", "words"]
