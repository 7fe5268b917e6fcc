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

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

import numpy as np

from domain.errors import InvalidExpression, UnknownMeasure
from domain.expressions import vocabulary as v
from domain.expressions.terms import agent_term, cell_term, column_node, measure_term, over_agents, tick_term
from domain.expressions.tokens import Token, tokens_of
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
    constant,
    opposite,
    together,
)
from domain.measures import ALIASES, MEASURES, measure_named

_DEEPEST = 40
_EACH = {NUMBER: NUMBERS, TRUTH: TRUTHS, WORD: WORDS}
_PLURAL = (NUMBERS, TRUTHS, WORDS)
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


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.at = self.depth = 0
        self.within = False  # a function over all agents

    # -- words -------------------------------------------------------------------------------------

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def error(self, column: int, because: str) -> InvalidExpression:
        return InvalidExpression(self.text, column, because)

    def take(self, *meant: str) -> Token | None:
        token = self.here
        if token.sort in ("name", "operator") and token.means in meant:
            self.at += 1
            return token
        return None

    def must(self, meant: str) -> Token:
        token = self.take(meant)
        if token is None:
            seen = repr(self.here.text) if self.here.text else "the end"
            raise self.error(self.here.start, f"{meant!r} is missing before {seen}")
        return token

    def must_end(self) -> None:
        if self.here.sort == "end":
            return
        if self.here.text == "=":
            raise self.error(self.here.start, "to compare, write ==")
        raise self.error(self.here.start, f"{self.here.text!r} is not expected here")

    # -- truths ------------------------------------------------------------------------------------

    def either(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(self.here.start, f"more than {_DEEPEST} levels deep")
        node = self.chain(self.both, "or", np.logical_or)
        self.depth -= 1
        return node

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
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(token.start, f"more than {_DEEPEST} levels deep")
        node = self.negation()
        self.depth -= 1
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
                raise self.error(other.start, _unknown(f"there is no {spelt!r}", spelt, list(codes)))
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
        return self.joined(left, right, ARITHMETIC[token.text], NUMBER, trend)

    def unary(self) -> Node:
        token = self.take("-")
        if token is None:
            return self.primary()
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(token.start, f"more than {_DEEPEST} levels deep")
        node = self.unary()
        self.depth -= 1
        self.must_be(node, (NUMBER, NUMBERS), "'-' goes before a number")
        of, trend = node.of, node.trend
        return Node(node.type, token.start, node.stop, lambda s: np.negative(of(s)), (node,),
                    lambda founders: opposite(trend(founders)))  # fmt: skip

    # -- the smallest parts ------------------------------------------------------------------------

    def primary(self) -> Node:
        token = self.here
        self.at += 1
        if token.sort == "number":
            value = float(token.text.replace("_", "")) if token.text.count(".") < 2 else float("inf")
            if not isfinite(value):
                raise self.error(token.start, "this number is too large")
            return Node(NUMBER, token.start, token.stop, lambda s: value, trend=lambda founders: 0)
        if token.sort == "string":
            return Node(WORD, token.start, token.stop, lambda s: float("nan"), trend=lambda founders: 0)
        if token.sort == "name" and token.means not in ("and", "or", "not"):
            return self.named(token)
        if token.text == "(":
            node = self.either()
            closing = self.must(")")
            return Node(node.type, token.start, closing.stop, node.of, (node,), node.trend, node.words)
        self.at -= 1
        if token.sort == "end":
            raise self.error(token.start, "something is missing at the end" if token.start else "there is nothing here")
        raise self.error(token.start, f"{token.text!r} is not expected here")

    def named(self, token: Token) -> Node:
        name = token.text
        if self.here.text == "(":
            return self.call(token)
        if name.lower() in ("true", "false"):
            truth = name.lower() == "true"
            return Node(TRUTH, token.start, token.stop, lambda s: truth, trend=lambda founders: 0)
        if name == "tick":
            return tick_term(token)
        if self.within and name in v.COLUMNS:
            return column_node(token)
        if name in v.FUNCTIONS:
            raise self.error(token.stop, f"{name} is followed by (")
        try:
            measure, so_far = measure_named(name, MEASURES, ALIASES)
        except UnknownMeasure:
            names = ["tick", *MEASURES, *ALIASES, *(v.COLUMNS if self.within else v.FUNCTIONS)]
            hint = ""
            if name in v.COLUMNS:
                hint = f"; of one agent it is agent(17).{name}, of all for example mean({name})"
            raise self.error(token.start, _unknown(f"there is no {name!r}{hint}", name, names)) from None
        return measure_term(token, measure, so_far)

    def call(self, token: Token) -> Node:
        name = token.text
        if name not in v.FUNCTIONS:
            raise self.error(token.start, _unknown(f"there is no function {name!r}", name, v.FUNCTIONS))
        if name in ("agent", "cell"):
            return self.one_of(token)
        self.must("(")
        over_agents = name in (*v.OVER_TRUTHS, *v.OVER_NUMBERS) or (name in v.OVER_EITHER and not self.has_several())
        before, self.within = self.within, self.within or over_agents
        arguments = [self.either()]
        while self.take(","):
            arguments.append(self.either())
        closing = self.must(")")
        self.within = before
        return self.applied(token, arguments, closing.stop)

    def has_several(self) -> bool:
        """Return whether the call whose parenthesis was just opened has more than one argument."""
        depth = 0
        for token in self.tokens[self.at :]:
            if token.text == "," and depth == 0:
                return True
            depth += (token.text == "(") - (token.text == ")")
            if depth < 0:
                break
        return False

    def applied(self, token: Token, arguments: list[Node], stop: int) -> Node:
        name = token.text
        one = arguments[0]
        if name in v.OVER_EITHER and (len(arguments) > 1 or one.type == NUMBER):
            for each in arguments:
                self.must_be(each, (NUMBER,), f"{name} of several takes numbers")
            pick: Callable[[Any], Any] = np.minimum.reduce if name == "min" else np.maximum.reduce
            parts = tuple(arguments)
            return Node(NUMBER, token.start, stop,
                        lambda s: pick(np.broadcast_arrays(*(p.of(s) for p in parts))), parts,
                        lambda founders: together(*(p.trend(founders) for p in parts)))  # fmt: skip
        if len(arguments) > 1:
            raise self.error(arguments[1].start, f"{name} takes one argument")
        if name == "abs":
            self.must_be(one, (NUMBER, NUMBERS), "abs takes a number")
            return Node(one.type, token.start, stop, lambda s: np.abs(one.of(s)), (one,),
                        lambda founders: 0 if one.trend(founders) == 0 else None)  # fmt: skip
        wanted = TRUTHS if name in v.OVER_TRUTHS else NUMBERS
        example = "energy < 2" if wanted == TRUTHS else "satiety"
        self.must_be(one, (wanted,), f"{name} takes what every agent has, as in {name}({example})")
        return over_agents(token, name, one, stop)

    def one_of(self, token: Token) -> Node:
        self.must("(")
        number = self.here
        if number.sort != "number" or not number.text.isdigit() or len(number.text) > 9:
            raise self.error(number.start, f"{token.text} takes its number, as in {token.text}(17)")
        self.at += 1
        self.must(")")
        self.must(".")
        what = self.here
        known: Sequence[str] = (*v.COLUMNS, *v.LIFE) if token.text == "agent" else tuple(v.ASPECTS)
        if what.sort != "name" or what.text not in known:
            because = f"{token.text}({number.text}) has no {what.text!r}" if what.text else "something is missing here"
            raise self.error(what.start, _unknown(because, what.text, known))
        self.at += 1
        make = agent_term if token.text == "agent" else cell_term
        return make(token, int(number.text), what)

    # -- what all share ----------------------------------------------------------------------------

    def must_be(self, node: Node, types: tuple[str, ...], because: str) -> None:
        if node.type not in types:
            raise self.error(node.start, because)

    def joined(
        self, left: Node, right: Node, join: Callable[[Any, Any], Any], kind: str, trend: Callable[..., int | None]
    ) -> Node:
        each = left.type in _PLURAL or right.type in _PLURAL
        a, b = left, right
        return Node(_EACH[kind] if each else kind, left.start, right.stop, lambda s: join(a.of(s), b.of(s)),
                    (left, right), lambda founders: trend(a.trend(founders), b.trend(founders)))  # fmt: skip


def _unknown(because: str, name: str, known: Sequence[str]) -> str:
    near = list(dict.fromkeys(get_close_matches(name.lower(), known, n=3, cutoff=0.6)))
    if near:
        return f"{because}; did you mean {' or '.join(near)}?"
    return f"{because}; there are {', '.join(known)}" if len(known) <= 40 else because
