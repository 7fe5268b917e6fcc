"""The smallest parts of an expression: numbers, words, names, functions, something of an agent or a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from domain.errors import UnknownMeasure
from domain.expressions import vocabulary as v
from domain.expressions.reading import Reading, unknown
from domain.expressions.terms import agent_term, cell_term, column_node, measure_term, over_agents, tick_term
from domain.expressions.tokens import Token, quoted
from domain.expressions.tree import NUMBER, NUMBERS, TRUTH, TRUTHS, WORD, Node, Term, together
from domain.measures import ALIASES, MEASURES, measure_named


class Values(Reading):
    """Reads what has a value of its own."""

    def either(self) -> Node:
        """Read a whole expression; the grammar of operators says how."""
        raise NotImplementedError

    def primary(self) -> Node:
        """Read the smallest part there is."""
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
            if isinstance(node, Term) and node.column:  # mean((food)) is mean(food)
                return replace(node, start=token.start, stop=closing.stop)
            return Node(node.type, token.start, closing.stop, node.of, (node,), node.trend, node.words)
        self.at -= 1
        if token.sort == "end":
            raise self.error(token.start, "something is missing at the end" if token.start else "there is nothing here")
        raise self.error(token.start, f"{quoted(token.text)} is not expected here")

    def named(self, token: Token) -> Node:
        """Read what a name stands for."""
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
            raise self.error(token.start, unknown(f"there is no {quoted(name)}{hint}", name, names)) from None
        return measure_term(token, measure, so_far)

    def call(self, token: Token) -> Node:
        """Read a function and its arguments."""
        name = token.text
        if name not in v.FUNCTIONS:
            raise self.error(token.start, unknown(f"there is no function {quoted(name)}", name, v.FUNCTIONS))
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
        """Return a function of its arguments."""
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
        """Read something of one agent or one cell."""
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
            because = (
                f"{token.text}({number.text}) has no {quoted(what.text)}" if what.text else "something is missing here"
            )
            raise self.error(what.start, unknown(because, what.text, known))
        self.at += 1
        make = agent_term if token.text == "agent" else cell_term
        return make(token, int(number.text), what)
