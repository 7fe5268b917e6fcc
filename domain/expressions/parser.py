"""From text to a tree, by recursive descent. Every mistake is told with the column where it stands.

::

    expression  or:  and (("or") and)*        and:  not ("and" not)*        not:  "not" not | comparison
    comparison  sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)*
    sum         product (("+" | "-") product)*            product  unary (("*" | "/") unary)*
    unary       "-" unary | primary
    primary     number | 'word' | name | function "(" … ")" | agent "(" n ")" "." name | "(" expression ")"

Within `count`, `share`, `any`, `all`, `mean`, `sum`, `total`, and `min` or `max` of one argument, a name is something
that every agent has before it is a measure: ``satiety`` is the mean satiety, ``count(satiety < 2)`` counts agents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from domain.expressions.reading import unknown
from domain.expressions.tokens import Token, quoted
from domain.expressions.tree import (
    ARITHMETIC,
    COMPARISONS,
    NUMBER,
    NUMBERS,
    TRUTH,
    TRUTHS,
    WORD,
    WORDS,
    Expression,
    Node,
    Term,
    constant,
    opposite,
    together,
)
from domain.expressions.values import Values

_NOWHERE: Any = None  # where what looks at nothing of the run has its value
_CALLED = {NUMBER: "a number", TRUTH: "true or false", WORD: "a word"}


def parse(text: str) -> Expression:
    """Understand an expression.

    Raises
    ------
    InvalidExpression
        With the column of the mistake, and what may have been meant.
    """
    parser = _Parser(text)
    root = parser.either()
    parser.must_end()
    if root.type != TRUTH:
        because = "this has a value for each agent: count them, as in count(energy < 2)"
        if root.type in _CALLED:
            because = f"this is {_CALLED[root.type]}: compare it, as in {text.strip()[:40]} > 1"
        raise parser.error(root.start, because)
    return Expression(text, root)


def _is_nought(node: Node) -> bool:
    """Return whether it looks at nothing of the run and is 0."""
    return not any(isinstance(part, Term) for part in node.walk()) and node.of(_NOWHERE) == 0


class _Parser(Values):
    # -- truths ------------------------------------------------------------------------------------

    def either(self) -> Node:
        """Read a whole expression."""
        with self.deeper(self.here.start):
            return self.chain(self.both, "or", np.logical_or)

    def both(self) -> Node:
        return self.chain(self.negation, "and", np.logical_and)

    def chain(self, part: Callable[[], Node], word: str, join: Callable[[Any, Any], Any]) -> Node:
        node = part()
        while token := self.take(word):
            other = part()
            for side in (node, other):
                self.must_be(side, (TRUTH, TRUTHS), f"{token.text!r} joins what is true or false")
            node = self.joined(node, other, join, TRUTH, together)
        return node

    def negation(self) -> Node:
        token = self.take("not")
        if token is None:
            return self.comparison()
        with self.deeper(token.start):
            node = self.negation()
        self.must_be(node, (TRUTH, TRUTHS), "'not' goes before what is true or false")
        of, trend = node.of, node.trend
        return Node(node.type, token.start, node.stop, lambda s: np.logical_not(of(s)), (node,),
                    lambda founders: opposite(trend(founders)))  # fmt: skip

    def comparison(self) -> Node:
        left = self.sum()
        parts: list[Node] = []
        while token := self.take(*COMPARISONS):
            right = self.sum()
            parts.append(self.compared(left, token, right))
            left = right
        if not parts:
            return left
        node = parts[0]
        for part in parts[1:]:
            node = self.joined(node, part, np.logical_and, TRUTH, together)
        return node

    def compared(self, left: Node, token: Token, right: Node) -> Node:
        if {left.type, right.type} & {WORD, WORDS}:
            return self.same_word(left, token, right)
        if {left.type, right.type} <= {TRUTH, TRUTHS} and token.text in ("==", "!="):
            return self.joined(left, right, COMPARISONS[token.text], TRUTH, constant)
        for side in (left, right):
            self.must_be(side, (NUMBER, NUMBERS), f"{token.text!r} compares numbers")
        sign = {"<": -1, "<=": -1, ">": 1, ">=": 1}.get(token.text, 0)

        def trend(a: int | None, b: int | None) -> int | None:
            if sign == 0:
                return constant(a, b)
            rising = together(a, opposite(b))
            return rising if sign > 0 else opposite(rising)

        return self.joined(left, right, COMPARISONS[token.text], TRUTH, trend)

    def same_word(self, left: Node, token: Token, right: Node) -> Node:
        named, other = (left, right) if left.words is not None else (right, left)
        if named.words is None or other.type not in (WORD, WORDS) or token.text not in ("==", "!="):
            because = "a word is compared by == or != with something that is one, such as occupation"
            raise self.error(token.start, because)
        if other.words is None:
            spelt = self.text[other.start + 1 : other.stop - 1]
            codes = {code.name.lower(): int(code) for code in named.words}
            if spelt not in codes:
                raise self.error(other.start, unknown(f"there is no {quoted(spelt)}", spelt, list(codes)))
            code = float(codes[spelt])
            other = Node(WORD, other.start, other.stop, lambda s: code, words=named.words, trend=lambda founders: 0)
        elif other.words is not named.words:
            raise self.error(token.start, "these are words of different sorts")
        return self.joined(named, other, COMPARISONS[token.text], TRUTH, lambda a, b: None)

    # -- numbers -----------------------------------------------------------------------------------

    def sum(self) -> Node:
        node = self.product()
        while token := self.take("+", "-"):
            other = self.product()
            flip = token.text == "-"
            node = self.arithmetic(node, token, other, lambda a, b, flip=flip: together(a, opposite(b) if flip else b))
        return node

    def product(self) -> Node:
        node = self.unary()
        while token := self.take("*", "/"):
            node = self.arithmetic(node, token, self.unary(), constant)
        return node

    def arithmetic(self, left: Node, token: Token, right: Node, trend: Callable[..., int | None]) -> Node:
        for side in (left, right):
            self.must_be(side, (NUMBER, NUMBERS), f"{token.text!r} goes between numbers")
        if token.text == "/" and _is_nought(right):
            raise self.error(right.start, "this divides by 0 at every tick, and what has no value never holds")
        return self.joined(left, right, ARITHMETIC[token.text], NUMBER, trend)

    def unary(self) -> Node:
        token = self.take("-")
        if token is None:
            return self.primary()
        with self.deeper(token.start):
            node = self.unary()
        self.must_be(node, (NUMBER, NUMBERS), "'-' goes before a number")
        of, trend = node.of, node.trend
        return Node(node.type, token.start, node.stop, lambda s: np.negative(of(s)), (node,),
                    lambda founders: opposite(trend(founders)))  # fmt: skip
