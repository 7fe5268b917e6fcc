"""Answers: what a mind may say, as a JSON schema for the engine and as a parser that trusts no engine.

Both are built from the percept, by `people`, so the most that any answer can do is to choose among
what the rules allow now and to add a line of inert text. Terms of a deal come from the percept, never
from the model; ids come from labels, never from the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import MindError
from domain.ports import Recalled
from workers.minds.people import SILENT, WORKS, choices_of, deals_of, intentions_of, options_of
from workers.minds.plain import plain

SAY_MAX, INSIGHT_MAX = 80, 120
"""Characters that are kept."""
SAY_ASKED, INSIGHT_ASKED = 40, 84
"""Characters that an engine is asked to keep to, so that the answer fits into `ANSWER_TOKENS`."""
ANSWER_TOKENS = {"intention": 32, "reflection": 32, "interview": 80, "survey": 48}
"""Every token costs a pass through the model: so keys are short words, and who is meant stands in the act."""
CITES_MAX = 3
_TEXT_MAX = 4_000
THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)


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

    do: str = Field(max_length=20)
    act: str = Field(max_length=120)
    say: str = Field(max_length=_TEXT_MAX)


class ReflectionAnswer(_Answer):
    """What a mind has learned, and the numbers of the memories it learned it from."""

    cites: list[int] = Field(max_length=50)
    insight: str = Field(max_length=_TEXT_MAX)


def schema_of(percept: dict[str, Any], memories: Sequence[Recalled] = ()) -> dict[str, Any]:
    """Return the JSON schema of the answer to a percept.

    Flat, with enums, lengths and `required` alone, which llama.cpp's grammars and the structured
    output of vLLM and others all take. An act and whom it is aimed at are one choice, so only what
    fits together can be chosen. Words come last: cut off at the limit of tokens, they are still an answer.

    Parameters
    ----------
    percept : as `domain.minds.percepts` makes it
    memories : those listed in the prompt (`Prompt.used_memories`), for a reflection
    """
    properties: dict[str, Any]
    if percept.get("purpose") == "reflection":
        numbers = list(range(1, len(memories) + 1))
        cites: dict[str, Any] = {"type": "array", "items": {"type": "integer", "enum": numbers or [0]}}
        cites |= {"minItems": min(1, len(numbers)), "maxItems": min(CITES_MAX, len(numbers))}
        properties = {"cites": cites, "insight": {"type": "string", "minLength": 1, "maxLength": INSIGHT_ASKED}}
    else:
        choices = list(choices_of(percept))
        properties = {
            "do": {"type": "string", "enum": list(intentions_of(percept))},
            "act": {"type": "string", "enum": choices},
            # With nobody to hear it, a sentence would only cost time. Else there must be one: words act.
            "say": {"type": "string", "minLength": 1, "maxLength": SAY_ASKED}
            if choices != [SILENT]
            else {"type": "string", "enum": [""]},
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

    Whatever conforms to the schema is taken. Where an act can't be meant, the weaker reading holds: to
    join somebody in what is no work is asking; speaking without words is silence. Only an insight without
    one ordinary character is not taken.

    Raises
    ------
    AnswerUnusable
        Saying why. Nothing else, whatever the text is.
    """
    found = object_in(text)
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
    words = plain(THOUGHTS.sub(" ", str(text)[: 8 * _TEXT_MAX]), limit=limit)
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
    if said.do not in intentions_of(percept):
        raise AnswerUnusable(f"do: {plain(said.do, limit=20)!r} is not possible now")
    words = plain(said.say, limit=SAY_MAX)
    if said.act == SILENT or not words:
        return {"intention": said.do}
    options = options_of(percept)
    if said.act not in options:
        raise AnswerUnusable(f"act: {plain(said.act, limit=60)!r} is not possible now")
    act, to = options[said.act]
    deal = deals_of(percept).get(to)
    if act == "propose" and deal is None and said.do not in WORKS:
        act = "ask"
    answer: dict[str, Any] = {"intention": said.do, "act": act, "to": to, "say": words}
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


def object_in(text: str) -> dict[str, Any]:
    """Return the JSON object that a text is, or that it holds after thoughts and within a fence.

    Raises
    ------
    AnswerUnusable
    """
    if not isinstance(text, str) or not text.strip():
        raise AnswerUnusable("it is empty")
    if len(text) > 8 * _TEXT_MAX:
        raise AnswerUnusable(f"it is {len(text):,} characters long")
    text = THOUGHTS.sub("", text).strip()
    start = text.find("{")
    if start < 0:
        raise AnswerUnusable("it holds no JSON object")
    text = text[start:]
    for candidate in (text, *_closed(text)):
        try:
            # What follows the object (a fence, an afterthought) is not read.
            found, _ = json.JSONDecoder().raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return {str(k): _whole(v) for k, v in found.items()}
    raise AnswerUnusable("it is no JSON object, or one that was cut off")


def _closed(text: str) -> tuple[str, str]:
    """Return a text that was cut off in or after its last words (at the limit of tokens) with string and object closed.

    What is said so far is the mind's own, so it is kept; if anything else is missing, it still fails.
    """
    cut = re.sub(r"\\(?:u[0-9a-fA-F]{0,3})?$", "", text)
    return cut + '"}', text + "}"


def _whole(value: Any) -> Any:
    """Return a string without halves of surrogate pairs, which JSON can name and no encoding can hold."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "ignore") if isinstance(value, str) else value
