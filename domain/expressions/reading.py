"""Taking an expression word by word: what every part of the grammar needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from domain.errors import InvalidExpression
from domain.expressions.tokens import Token, quoted, tokens_of
from domain.expressions.tree import NUMBER, NUMBERS, TRUTH, TRUTHS, WORD, WORDS, Node

_DEEPEST = 40
_EACH = {NUMBER: NUMBERS, TRUTH: TRUTHS, WORD: WORDS}
_PLURAL = (NUMBERS, TRUTHS, WORDS)


class Reading:
    """A place in the words of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.at = self.depth = 0
        self.within = False  # a function over all agents

    @property
    def here(self) -> Token:
        """The word at hand."""
        return self.tokens[self.at]

    def error(self, column: int, because: str) -> InvalidExpression:
        """Return what to raise for a mistake."""
        return InvalidExpression(self.text, column, because)

    def take(self, *meant: str) -> Token | None:
        """Take the word at hand if it means one of these."""
        token = self.here
        if token.sort in ("name", "operator") and token.means in meant:
            self.at += 1
            return token
        return None

    def must(self, meant: str) -> Token:
        """Take a word that has to be there."""
        token = self.take(meant)
        if token is None:
            seen = quoted(self.here.text) if self.here.text else "the end"
            raise self.error(self.here.start, f"{meant!r} is missing before {seen}")
        return token

    def must_end(self) -> None:
        """Refuse whatever comes after the end."""
        if self.here.sort == "end":
            return
        if self.here.text == "=":
            raise self.error(self.here.start, "to compare, write ==")
        raise self.error(self.here.start, f"{quoted(self.here.text)} is not expected here")

    @contextmanager
    def deeper(self, column: int) -> Iterator[None]:
        """Go one level deeper; what nests for ever would use up the stack."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(column, f"more than {_DEEPEST} levels deep")
        yield
        self.depth -= 1

    def must_be(self, node: Node, types: tuple[str, ...], because: str) -> None:
        """Refuse a part that is of no such type."""
        if node.type not in types:
            raise self.error(node.start, because)

    def joined(
        self, left: Node, right: Node, join: Callable[[Any, Any], Any], kind: str, trend: Callable[..., int | None]
    ) -> Node:
        """Return two parts as one, with a value for each agent if either has."""
        each = left.type in _PLURAL or right.type in _PLURAL
        a, b = left, right
        return Node(_EACH[kind] if each else kind, left.start, right.stop, lambda s: join(a.of(s), b.of(s)),
                    (left, right), lambda founders: trend(a.trend(founders), b.trend(founders)))  # fmt: skip


def unknown(because: str, name: str, known: Sequence[str]) -> str:
    """Return why a name is refused, with those that are spelt nearly so."""
    near = list(dict.fromkeys(get_close_matches(name.lower(), known, n=3, cutoff=0.6)))
    if near:
        return f"{because}; did you mean {' or '.join(near)}?"
    return f"{because}; there are {', '.join(known)}" if len(known) <= 40 else because
