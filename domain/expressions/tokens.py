"""The words of an expression, each with the column where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.errors import InvalidExpression

LONGEST, MOST = 1_000, 300
"""Characters and words of an expression: what a person writes is shorter."""

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9][0-9_]*)?\.?[0-9][0-9_]*(?:[eE][+-]?[0-9]{1,3})?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<string>'[^'\"]*'|\"[^'\"]*\")"
    r"|(?P<operator><=|>=|==|!=|&&|\|\||[-+*/<>()=!.,])"
)
_QUOTED = 40
_MEANS = {"&&": "and", "||": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not"}


@dataclass(frozen=True)
class Token:
    """A word: `sort` is number, name, string, operator or end."""

    sort: str
    text: str
    start: int

    @property
    def stop(self) -> int:
        """Where the next character stands."""
        return self.start + len(self.text)

    @property
    def means(self) -> str:
        """The word, or the one that it is another way of writing."""
        return _MEANS.get(self.text, self.text) if self.sort in ("name", "operator") else ""


def quoted(text: str) -> str:
    """Return a word as an error quotes it: not all of it if it is long."""
    return repr(text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…")


def tokens_of(text: str) -> list[Token]:
    """Return the words of a text, with an `end` behind the last.

    Raises
    ------
    InvalidExpression
    """
    if len(text) > LONGEST:
        raise InvalidExpression(text[: LONGEST + 1], LONGEST, f"it is longer than {LONGEST:,} characters")
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            because = "a word in quotes ends nowhere" if text[at] in "'\"" else f"{text[at]!r} means nothing here"
            raise InvalidExpression(text, at, because)
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    if len(found) > MOST:
        raise InvalidExpression(text, found[MOST].start, f"it has more than {MOST} words")
    return [*found, Token("end", "", len(text))]
