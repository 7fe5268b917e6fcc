"""docs/python.md: what notebooks import, from the docstrings of the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import chronopolis

_SECTION_MARK = re.compile(r"-{3,}")


def python_page(made: str) -> str:
    """Return docs/python.md; `made` says how it is made."""
    return "\n".join(_lines(made)).rstrip() + "\n"


def _lines(made: str) -> Iterator[str]:
    import replay
    from chronopolis.api import History
    from chronopolis.moment import Moment
    from replay.bisect import Bisection

    yield "# The Python API"
    yield ""
    yield made
    yield ""
    yield (
        "Frames are polars'. Whatever is refused is a `PolisError` of `domain.errors`, whose words say what to do; "
        "errors that are named below are of `domain.errors`, `chronopolis.errors` and `infrastructure.errors`."
    )
    yield ""
    yield "## chronopolis"
    yield ""
    yield from _doc(chronopolis)
    for name in chronopolis.__all__:
        yield from _callable_lines(getattr(chronopolis, name), f"chronopolis.{name}")
    for kind, called in (
        (History, "run"), (Moment, "moment"), (replay.Cursor, "cursor"), (replay.Difference, "difference"),
        (replay.Causes, "causes"), (Bisection, "bisection"), (replay.Verification, "verification"),
    ):  # fmt: skip
        yield ""
        yield f"## {kind.__name__}"
        yield ""
        yield from _doc(kind)
        yield from _members(kind, called)


def _members(kind: type, called: str) -> Iterator[str]:
    """Yield the properties and methods of a class, in the order of its source."""
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield ""
            yield f"### `{called}.{name}`"
            yield ""
            yield from _doc(member.fget)
        elif inspect.isfunction(member):
            yield from _callable_lines(member, f"{called}.{name}")


def _callable_lines(function: Any, path: str) -> Iterator[str]:
    yield ""
    yield f"### `{path}({', '.join(_arguments(function))})`"
    yield ""
    yield from _doc(function)


def _arguments(function: Any) -> Iterator[str]:
    """Yield the arguments as they are written in a call; what they are stands in the docstring."""
    is_named = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not is_named:
            yield "*"
        is_named = is_named or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        yield f"{star}{parameter.name}{default}"


def _doc(what: Any) -> Iterator[str]:
    """Yield a docstring as Markdown: a list for each of its sections, code as code."""
    text = inspect.getdoc(what)
    assert text is not None, f"{what} has no docstring"
    lines = text.replace("``", "`").splitlines()
    section, code = "", list[str]()
    for at, line in enumerate(lines):
        if _SECTION_MARK.fullmatch(line):
            continue
        if at + 1 < len(lines) and _SECTION_MARK.fullmatch(lines[at + 1]):
            section = line
            yield f"*{section}*"
            yield ""
        elif section == "Examples":
            code.append(line.removesuffix("  # doctest: +SKIP"))
        elif line.endswith("::"):
            yield line[:-1]
        elif not section and (line.startswith("    ") or (code and not line)):
            code.append(line.removeprefix("    "))
        else:
            yield from _code(code)
            code = []
            yield _told(line, section)
    yield from _code(code)


def _code(lines: list[str]) -> Iterator[str]:
    if lines:
        yield from ("```python", *"\n".join(lines).strip().splitlines(), "```", "")


def _told(line: str, section: str) -> str:
    """Return a line of a docstring: in a section one is named at its beginning, and told of further in."""
    name, separator, rest = line.partition(" : ")
    if separator and not line.startswith(" "):
        return f"- `{name}`: {rest}"
    if section and line:
        return f"  {line.strip()}" if line.startswith(" ") else f"- `{line}`"
    return line


__all__ = ["python_page"]
