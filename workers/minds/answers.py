"""Answers: what a mind may say, as a JSON schema for the engine and as a parser that trusts no engine.

Both are built from the percept, by `people`, so the most that any answer can do is to choose among
what the rules allow now and to add a line of inert text. Terms of a deal come from the percept, never
from the model; ids come from labels, never from the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import MindError
from domain.ports import Recalled
from workers.minds.people import NOBODY, SAID_AS, WORKS, acts_of, deals_of, intentions_of, offerer_of, people_of
from workers.minds.plain import plain

SAY_MAX, INSIGHT_MAX = 80, 120
"""Characters that are kept."""
SAY_ASKED, INSIGHT_ASKED = 60, 110
"""Characters that an engine is asked to keep to, so that the answer fits into `ANSWER_TOKENS`."""
ANSWER_TOKENS = {"intention": 48, "reflection": 64, "interview": 80}
CITES_MAX = 5
_TEXT_MAX = 4_000
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)

Act = Literal["none", "greet", "inform", "ask", "propose", "accept", "refuse", "thank", "gossip", "ignore", "trade"]
_MEANT = {said: act for act, said in SAID_AS.items()}


class AnswerUnusable(MindError):
    """What a mind said is no answer to what it was asked."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the answer can't be used: {self.because}"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IntentionAnswer(_Answer):
    """What a mind is set on, and what it says to whom."""

    intention: str = Field(max_length=20)
    act: Act
    to: str = Field(max_length=100)
    say: str = Field(max_length=_TEXT_MAX)


class ReflectionAnswer(_Answer):
    """What a mind has learned, and the numbers of the memories it learned it from."""

    insight: str = Field(max_length=_TEXT_MAX)
    cites: list[int] = Field(max_length=50)


def schema_of(percept: dict[str, Any], memories: Sequence[Recalled] = ()) -> dict[str, Any]:
    """Return the JSON schema of the answer to a percept.

    Flat, with enums, lengths and `required` alone, which llama.cpp's grammars and the structured
    output of vLLM and others all take. That an act and a person fit together is not said here but
    settled by `parse`, since only nested alternatives could say it and not every engine has them.

    Parameters
    ----------
    percept : as `domain.percepts` makes it
    memories : those listed in the prompt (`Prompt.used_memories`), for a reflection
    """
    properties: dict[str, Any]
    if percept.get("purpose") == "reflection":
        numbers = list(range(1, len(memories) + 1))
        cites: dict[str, Any] = {"type": "array", "items": {"type": "integer", "enum": numbers or [0]}}
        cites |= {"minItems": min(1, len(numbers)), "maxItems": min(CITES_MAX, len(numbers))}
        properties = {"insight": {"type": "string", "minLength": 1, "maxLength": INSIGHT_ASKED}, "cites": cites}
    else:
        people, acts = [*people_of(percept), NOBODY], list(acts_of(percept))
        alone = len(people) == 1
        if offerer_of(percept) is not None:
            # Somebody waits for an answer, so neither silence nor another offer is on the list (`parse` would still
            # take them).
            people.remove(NOBODY)
            acts = [act for act in acts if act not in ("none", "propose")]
        properties = {
            "intention": {"type": "string", "enum": list(intentions_of(percept))},
            "act": {"type": "string", "enum": [SAID_AS.get(act, act) for act in acts]},
            "to": {"type": "string", "enum": people},
            # With nobody to hear it, a sentence would only cost time. Else there must be one: words act.
            "say": {"type": "string", "enum": [""]}
            if alone
            else {"type": "string", "minLength": 1, "maxLength": SAY_ASKED},
        }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse(text: str, percept: dict[str, Any], memories: Sequence[Recalled] = ()) -> dict[str, Any]:
    """Return the answer as `Input.answer` keeps it.

    For an intention: {"intention"} alone in silence, else {"intention", "act", "to": agent id, "say"},
    with "terms" if a trade is proposed. For a reflection: {"insight", "cites": [ids of memories]}.

    Whatever conforms to the schema is taken. Where an act doesn't fit the person it is aimed at, the
    weaker reading holds: accepting and refusing are meant for who made the one open offer; proposing
    without a deal is proposing to work together, and where the intention is no work, asking; speaking
    to nobody, or without words, is silence. Only an insight without one ordinary character is not taken.

    Raises
    ------
    AnswerUnusable
        Saying why. Nothing else, whatever the text is.
    """
    found = _object_in(text)
    try:
        if percept.get("purpose") == "reflection":
            return _reflection(ReflectionAnswer.model_validate(found), memories)
        return _intention(IntentionAnswer.model_validate(found), percept)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AnswerUnusable(plain(f"{where or 'answer'}: {first['msg']}", limit=160)) from None


def parse_free(text: str, *, limit: int = 400) -> str:
    """Return the words of a free answer; raise `AnswerUnusable` if there are none."""
    words = plain(_THOUGHTS.sub(" ", str(text)[: 8 * _TEXT_MAX]), limit=limit)
    if not words:
        raise AnswerUnusable("it says nothing")
    return words


def repair_messages(prompt: Sequence[dict[str, str]], text: str, because: str) -> tuple[dict[str, str], ...]:
    """Return the messages of the one attempt to mend an answer: what was asked, what came, what was wrong."""
    return (
        *prompt,
        {"role": "assistant", "content": plain(text, limit=160) or "(nothing)"},
        {"role": "user", "content": f"That can't be used: {plain(because, limit=120)}. Reply with the JSON alone."},
    )


def _intention(said: IntentionAnswer, percept: dict[str, Any]) -> dict[str, Any]:
    people = people_of(percept)
    if said.intention not in intentions_of(percept):
        raise AnswerUnusable(f"intention {plain(said.intention, limit=20)!r} is none that is possible now")
    act = _MEANT.get(said.act, said.act)
    if act not in acts_of(percept):
        raise AnswerUnusable(f"act {said.act!r} is not possible now")
    if said.to != NOBODY and said.to not in people:
        raise AnswerUnusable(f"{plain(said.to, limit=40)!r} is not near")
    to, words = people.get(said.to), plain(said.say, limit=SAY_MAX)
    deal = deals_of(percept).get(to) if to is not None else None
    if act in ("accept", "refuse"):
        to = offerer_of(percept)
    elif act == "propose" and deal is None and said.intention not in WORKS:
        act = "ask"
    if act == "none" or to is None or not words:
        return {"intention": said.intention}
    answer: dict[str, Any] = {"intention": said.intention, "act": act, "to": to, "say": words}
    if act == "propose" and deal is not None:
        answer["terms"] = {k: deal[k] for k in ("give", "quantity", "take", "taken")}
    return answer


def _reflection(said: ReflectionAnswer, memories: Sequence[Recalled]) -> dict[str, Any]:
    insight = plain(said.insight, limit=INSIGHT_MAX)
    if not insight:
        raise AnswerUnusable("insight: it says nothing")
    if not all(1 <= number <= len(memories) for number in said.cites):
        raise AnswerUnusable(f"cites: there are memories 1 to {len(memories)} only")
    if memories and not said.cites:
        raise AnswerUnusable("cites: it names no memory")
    numbers = list(dict.fromkeys(said.cites))[:CITES_MAX]
    return {"insight": insight, "cites": [memories[number - 1].id for number in numbers]}


def _object_in(text: str) -> dict[str, Any]:
    """Return the JSON object that a text is, or that it holds after thoughts and within a fence."""
    if not isinstance(text, str) or not text.strip():
        raise AnswerUnusable("it is empty")
    if len(text) > 8 * _TEXT_MAX:
        raise AnswerUnusable(f"it is {len(text):,} characters long")
    text = _THOUGHTS.sub("", text).strip()
    start = text.find("{")
    if start < 0:
        raise AnswerUnusable("it holds no JSON object")
    text = text[start:]
    for candidate in (text, _closed(text)):
        try:
            # What follows the object (a fence, an afterthought) is not read.
            found, _ = json.JSONDecoder().raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return {str(k): _whole(v) for k, v in found.items()}
    raise AnswerUnusable("it is no JSON object, or one that was cut off")


def _closed(text: str) -> str:
    """Return a text that was cut off in its last words (at the limit of tokens) with string and object closed.

    What is said so far is the mind's own, so it is kept; if anything else is missing, it still fails.
    """
    cut = re.sub(r"\\(?:u[0-9a-fA-F]{0,3})?$", "", text)
    return cut + '"}'


def _whole(value: Any) -> Any:
    """Return a string without halves of surrogate pairs, which JSON can name and no encoding can hold."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "ignore") if isinstance(value, str) else value
