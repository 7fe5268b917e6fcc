"""A question that is put to many agents alike: with choices, one of which each takes, or in their own words.

The choices are listed to each agent in an order of its own, since models lean towards what stands first; a scale, or
choices that are told to keep their order, are listed as they are. Nothing is recorded: looking changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.errors import InvalidConfiguration
from domain.ports import Completed, Completion, Engine, Recalled
from workers.minds.answers import ANSWER_TOKENS, THOUGHTS, AnswerUnusable, object_in, repair_messages
from workers.minds.interview import INTERVIEW_BUDGET, interview, seed_of, told_beside
from workers.minds.plain import plain
from workers.minds.prompts import estimate_tokens, render
from workers.minds.words import QUESTION_MAX

CHOICES_MAX, CHOICE_MAX, REASON_MAX = 26, 60, 120
"""How many choices there may be, the characters of one, and those that are kept of a reason."""
LISTED_TOKENS_MAX = 800
"""What all choices together may cost, as `estimate_tokens` counts: 2,048 must hold the rest of a prompt, too."""
SPENT = ("tokens_in", "tokens_out", "latency_ms")
"""What an answer costs. An `AnswerUnusable` has it as `spent`: what was said is paid for, of use or not."""
_REASON_ASKED = 60
_REASON_TOKENS = 32
_MARKS_TOKENS = 16
"""What the JSON around a choice takes."""
_SCALE = re.compile(r"\s*(-?\d{1,3})\s*(?:-|\.\.|–)\s*(-?\d{1,3})\s*")


@dataclass(frozen=True)
class Question:
    """What all are asked; make one with `question_of`.

    Attributes
    ----------
    text : the question, as a model sees it
    choices : what may be answered; none: any words
    keeps_order : whether the choices are listed alike to all
    is_scale : whether they are numbers
    reasons : whether each is asked to say why
    """

    text: str
    choices: tuple[str, ...] = ()
    keeps_order: bool = False
    is_scale: bool = False
    reasons: bool = False

    def listed_to(self, agent: int, draw: int = 1) -> tuple[str, ...]:
        """Return the choices in the order that an agent reads them the first or a later time, at any tick."""
        if self.keeps_order:
            return self.choices
        again = () if draw == 1 else (draw,)
        return tuple(sorted(self.choices, key=lambda choice: _digest(self.text, agent, choice, *again)))


def question_of(
    text: str,
    *,
    choices: Sequence[str] = (),
    scale: str | None = None,
    keeps_order: bool = False,
    reasons: bool = False,
) -> Question:
    """Return the question that is meant.

    Parameters
    ----------
    text : any; a model sees it as quoted speech
    choices : what may be answered; none: any words
    scale : such as "1-7", instead of choices
    keeps_order : list the choices alike to all
    reasons : ask for a reason, too

    Raises
    ------
    InvalidConfiguration
        If there is nothing to ask, or nothing to choose among.
    """
    asked = plain(text, limit=2 * QUESTION_MAX)
    if not asked:
        raise InvalidConfiguration("question", text, "there is nothing in it that a model would see")
    if len(asked) > QUESTION_MAX:
        because = f"is too long: a prompt has room for {QUESTION_MAX} characters of it"
        raise InvalidConfiguration("question", f"{asked[:40]}…", because)
    if scale is not None:
        if choices:
            raise InvalidConfiguration("scale", scale, "can't be meant together with choices")
        return Question(asked, _numbers(scale), keeps_order=True, is_scale=True, reasons=reasons)
    if not choices:
        if reasons or keeps_order:
            raise InvalidConfiguration("choices", "", "there are none: reasons and an order are asked of choices")
        return Question(asked)
    found = tuple(_dashed(plain(choice, limit=2 * CHOICE_MAX)) for choice in choices)
    for given, seen in zip(choices, found, strict=True):
        if not seen or len(seen) > CHOICE_MAX:
            raise InvalidConfiguration("choice", given, f"must be 1 to {CHOICE_MAX} ordinary characters")
    if len({choice.casefold() for choice in found}) < len(found):
        raise InvalidConfiguration("choices", ", ".join(found), "must differ")
    if not 2 <= len(found) <= CHOICES_MAX:
        raise InvalidConfiguration("choices", ", ".join(found), f"must be 2 to {CHOICES_MAX}")
    if _cost(found) > LISTED_TOKENS_MAX:
        because = f"are too long together: a prompt has room for {LISTED_TOKENS_MAX} tokens, they are {_cost(found):,}"
        raise InvalidConfiguration("choices", f"{', '.join(found)[:40]}…", because)
    return Question(asked, found, keeps_order=keeps_order, reasons=reasons)


def put_question(
    engine: Engine,
    memories: Sequence[Recalled],
    percept: dict[str, Any],
    question: Question,
    *,
    draw: int = 1,
    timeout_s: float = 60.0,
    temperature_milli: int = 700,
) -> dict[str, Any]:
    """Return what an agent answers.

    Parameters
    ----------
    engine : who answers
    memories : what the question brought to mind
    percept : of the tick that is asked about
    question : Question
    draw : how many times the agent has been asked it, this one included

    Returns
    -------
    as `interview` does, with "because" (None unless asked for); "answer" is one of the choices where there are any, and
    "place" says as which of them the agent read it, from 1 (None where all read the same list)

    Raises
    ------
    MindError
        As the engine does, and `AnswerUnusable` if it says nothing that was among the choices, twice; that has what
        both attempts cost in `spent`.
    """
    if not question.choices:
        told = interview(engine, memories, percept, question.text, draw=draw, timeout_s=timeout_s,
                         temperature_milli=temperature_milli)  # fmt: skip
        return told | {"place": None, "because": None}
    percept = {**percept, "purpose": "survey"}
    listed = question.listed_to(int(percept["agent"]), draw)
    prompt = render(
        # On top: a list of choices is to take no place from who the agent is and what it remembers.
        percept, memories, budget_tokens=INTERVIEW_BUDGET + _cost(listed), question=question.text, choices=listed,
        reasons=question.reasons,
    )  # fmt: skip
    wanted = Completion(
        messages=prompt.messages,
        schema=_schema(question),
        max_tokens=_room(question),
        seed=seed_of(prompt.text, draw),
        adapter=percept.get("adapter"),
        temperature_milli=temperature_milli,
        percept={**percept, "question": question.text, "choices": listed, "reasons": question.reasons},
    )
    done, answer, because = _answered(engine, wanted, question, timeout_s)
    place = None if question.keeps_order else listed.index(answer) + 1
    return {"answer": answer, "place": place, "because": because} | told_beside(done, prompt)


def read_choice(text: str, question: Question) -> tuple[str, str | None]:
    """Return which choice an answer takes, and why; an engine without schemas may say it in plain words.

    Raises
    ------
    AnswerUnusable
        If it takes none, or several.
    """
    by_name = {choice.casefold(): choice for choice in question.choices}
    try:
        found = object_in(text)
    except AnswerUnusable:
        words = _dashed(plain(THOUGHTS.sub(" ", str(text)), limit=2_000)).casefold()
        named = []
        # The longest first, and then no more: "very good" names "good" as well, and means itself.
        for key in sorted(by_name, key=len, reverse=True):
            words, times = re.subn(_alone(key), " ; ", words)
            named += [by_name[key]] if times else []
        if len(named) != 1:
            raise AnswerUnusable("it names none of the choices, or several") from None
        return named[0], None
    given = found.get("answer")
    said = "" if given is None else _dashed(plain(given, limit=2 * CHOICE_MAX))
    if said.casefold() not in by_name:
        raise AnswerUnusable(f"answer: {plain(said, limit=CHOICE_MAX)!r} is none of the choices")
    because = plain(found.get("because") or "", limit=REASON_MAX) if question.reasons else ""
    return by_name[said.casefold()], because or None


def _dashed(text: str) -> str:
    """Return a text with a minus as people type it, which is how a scale has it."""
    return text.replace("\N{MINUS SIGN}", "-")


def _alone(key: str) -> str:
    """Return what finds a choice in a sentence, but not within a word; nor a number within 2.5, -2, 2/10, 2-3 or 2%."""
    if key.removeprefix("-").isdigit():
        return rf"(?<![\w-])(?<!\d[.,/:]){re.escape(key)}(?![\w%])(?![.,/:-]\d)"
    return rf"(?<!\w){re.escape(key)}(?!\w)"


def _answered(
    engine: Engine, wanted: Completion, question: Question, timeout_s: float
) -> tuple[Completed, str, str | None]:
    """Return what was answered, at the second attempt if the first can't be used; it costs what both took."""
    first = engine.complete(wanted, timeout_s=timeout_s)
    try:
        return first, *read_choice(first.text, question)
    except AnswerUnusable as error:
        messages = repair_messages(wanted.messages, first.text, error.because)
    again = Completion(
        messages=messages, schema=wanted.schema, max_tokens=wanted.max_tokens, seed=wanted.seed + 1,
        adapter=wanted.adapter, temperature_milli=wanted.temperature_milli, percept=wanted.percept,
    )  # fmt: skip
    second = engine.complete(again, timeout_s=timeout_s)
    both = replace(
        second, tokens_in=first.tokens_in + second.tokens_in, tokens_out=first.tokens_out + second.tokens_out,
        latency_ms=first.latency_ms + second.latency_ms,
    )  # fmt: skip
    try:
        return both, *read_choice(second.text, question)
    except AnswerUnusable as error:
        vars(error)["spent"] = {name: getattr(both, name) for name in SPENT}
        raise


def _cost(choices: Sequence[str]) -> int:
    """Return about how many tokens a list of choices has."""
    return sum(estimate_tokens(f"- {choice}\n") for choice in choices)


def _room(question: Question) -> int:
    """Return the most tokens of an answer: those of its longest choice are among them, else nobody could take it."""
    longest = max(estimate_tokens(choice) for choice in question.choices)
    return max(ANSWER_TOKENS["survey"], longest + _MARKS_TOKENS) + (_REASON_TOKENS if question.reasons else 0)


def _schema(question: Question) -> dict[str, Any]:
    properties: dict[str, Any] = {"answer": {"type": "string", "enum": list(question.choices)}}
    if question.reasons:
        properties["because"] = {"type": "string", "minLength": 1, "maxLength": _REASON_ASKED}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _numbers(scale: str) -> tuple[str, ...]:
    found = _SCALE.fullmatch(scale)
    low, high = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= high - low < CHOICES_MAX:
        raise InvalidConfiguration("scale", scale, f"must be such as 1-7, of at most {CHOICES_MAX} numbers")
    return tuple(str(number) for number in range(low, high + 1))


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).digest()


__all__ = ["Question", "put_question", "question_of", "read_choice"]
