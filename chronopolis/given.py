"""What notebooks give as arguments: refused in Python's words where it means nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from chronopolis.errors import WrongUsage
from domain.errors import shown
from domain.given import whole


def text(name: str, value: Any) -> str:
    """Return a text.

    Raises
    ------
    WrongUsage
    """
    if not isinstance(value, str):
        raise WrongUsage(f"{name}={shown(value)}: give a text")
    return value


def truth(name: str, value: Any) -> bool:
    """Return a truth, numpy's included; ``"no"`` would be true, and is refused as all else is.

    Raises
    ------
    WrongUsage
    """
    found = plain(value)
    if not isinstance(found, bool):
        raise WrongUsage(f"{name}={shown(value)}: give True or False")
    return found


def seconds(name: str, value: Any, *, most: int) -> float:
    """Return a time of more than nothing.

    Raises
    ------
    WrongUsage
    """
    number: Any = value if isinstance(value, Real) and not isinstance(value, bool) else None
    if number is None or not 0 < number <= most:
        raise WrongUsage(f"{name}={shown(value)}: give seconds, more than 0 and at most {most:,}")
    return float(number)


def one_of(name: str, value: Any, *known: str) -> str:
    """Return one of the words that are known.

    Raises
    ------
    WrongUsage
    """
    if not isinstance(value, str) or value not in known:
        there = " and ".join((", ".join(map(repr, known[:-1])), repr(known[-1])))
        raise WrongUsage(f"{name}={shown(value)}: there are {there}")
    return value


def words(*given: str | Iterable[str]) -> tuple[str, ...]:
    """Return what is given one by one, or in lists, as one tuple.

    Raises
    ------
    WrongUsage
    """
    found: list[str] = []
    for each in given:
        parts = [each] if isinstance(each, str | bytes) or not isinstance(each, Iterable) else list(each)
        for part in parts:
            if not isinstance(part, str):
                raise WrongUsage(f"{shown(part)} is no name")
            found.append(part)
    return tuple(found)


def run_named(value: Any) -> str:
    """Return the name of a run, or its number as such a name.

    Raises
    ------
    WrongUsage
    """
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise WrongUsage(f"{shown(value)} is no run", "Give its name, its number, or the beginning of its name.")
    return str(found)


def address(event: str | tuple[int, int]) -> str:
    """Return the address of an event, given as such or as a pair of tick and ordinal.

    Raises
    ------
    WrongUsage
    """
    if isinstance(event, str):
        return event
    pair = plain(event)
    if not isinstance(pair, list) or len(pair) != 2:
        raise WrongUsage(f"{shown(event)} is no event", "Give tick and ordinal, as '1200:17' or (1200, 17).")
    return f"{whole('tick', pair[0])}:{whole('ordinal', pair[1])}"


def folder_named(name: str, value: Any, *, what: str = "folder") -> Path:
    """Return a folder, or what else is to be named, there or not; no name is not the current one.

    Raises
    ------
    WrongUsage
    """
    try:
        path = os.fspath(value)
        possible = isinstance(path, str) and path != "" and b"\0" not in os.fsencode(path)
    except (TypeError, UnicodeEncodeError):
        possible = False
    if not possible:
        raise WrongUsage(f"{name}={shown(value)}: give the name of a {what}")
    return Path(path)


def mapping(name: str, value: Any, example: str) -> dict[str, Any]:
    """Return names with values; numpy's values are plain ones.

    Raises
    ------
    WrongUsage
    """
    if not isinstance(value, Mapping):
        raise WrongUsage(f"{name}={shown(value)}: give a dict", f"Such as {example}.")
    found: dict[str, Any] = plain(value)
    return found


def mappings(name: str, value: Any, example: str) -> list[dict[str, Any]]:
    """Return a list of names with values.

    Raises
    ------
    WrongUsage
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise WrongUsage(f"{name}={shown(value)}: give a list of dicts", f"Such as [{example}].")
    return [mapping(f"{name}[{at}]", each, example) for at, each in enumerate(value)]


def plain(value: Any) -> Any:
    """Return values of numpy as those of Python, within dicts and lists too; tuples and arrays as lists."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value


__all__ = [
    "address", "folder_named", "mapping", "mappings", "one_of", "plain", "run_named", "seconds", "text", "truth",
    "whole", "words",
]  # fmt: skip
