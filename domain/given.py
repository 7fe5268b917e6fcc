"""Numbers that somebody gave as arguments: refused in words where they mean nothing."""

from __future__ import annotations

from operator import index
from typing import Any

from domain.errors import WrongUsage, shown


def whole(name: str, value: Any, *, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number, numpy's included; nothing is cut off a fraction, and a truth is no number.

    Raises
    ------
    WrongUsage
    """
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None:
        raise WrongUsage(f"{name}={shown(value)}: give a whole number")
    if most is not None and not (least or 0) <= number <= most:
        raise WrongUsage(f"{name}={shown(number)}: give {least or 0} to {most:,}")
    if least is not None and number < least:
        raise WrongUsage(f"{name}={shown(number)}: give {least} or more")
    return number


__all__ = ["whole"]
