"""Ask an agent as of a past tick. Nothing is recorded: looking changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from domain.ports import Completed, Completion, Engine, Recalled
from workers.minds.answers import ANSWER_TOKENS, parse_free
from workers.minds.prompts import Prompt, render

INTERVIEW_BUDGET = 500
"""Tokens of the prompt: nobody else waits, so more is remembered than for a thought."""


def interview(
    engine: Engine,
    memories: Sequence[Recalled],
    percept: dict[str, Any],
    question: str,
    *,
    timeout_s: float = 60.0,
    temperature_milli: int = 700,
    budget_tokens: int = INTERVIEW_BUDGET,
    draw: int = 1,
) -> dict[str, Any]:
    """Return what the agent says to a question.

    Parameters
    ----------
    engine : who answers
    memories : what the question brought to mind (retrieve with the question as the query)
    percept : of the tick that is asked about
    question : any text; the model sees it as quoted speech
    draw : how many times it has been asked, this one included: each draws its words anew

    Returns
    -------
    {"answer", "memories": [{"id", "score", "text"}], "tokens_in", "tokens_out", "latency_ms", "engine",
    "adapter", "prompt", "template"}

    Raises
    ------
    MindError
        As the engine does, and `AnswerUnusable` if it says nothing.
    """
    percept = {**percept, "purpose": "interview"}
    prompt = render(percept, memories, budget_tokens=budget_tokens, question=question)
    wanted = Completion(
        messages=prompt.messages,
        schema=None,
        max_tokens=ANSWER_TOKENS["interview"],
        seed=seed_of(prompt.text, draw),
        adapter=percept.get("adapter"),
        temperature_milli=temperature_milli,
        percept={
            **percept,
            "memories": [{"id": m.id, "text": m.text} for m in prompt.used_memories],
            "question": question,
        },
    )
    done = engine.complete(wanted, timeout_s=timeout_s)
    return {"answer": parse_free(done.text)} | told_beside(done, prompt)


def told_beside(done: Completed, prompt: Prompt) -> dict[str, Any]:
    """Return what is told beside an answer: what was remembered, what it took, who answered, what exactly was asked."""
    return {
        "memories": [{"id": m.id, "score": m.score, "text": m.text} for m in prompt.used_memories],
        "tokens_in": done.tokens_in,
        "tokens_out": done.tokens_out,
        "latency_ms": done.latency_ms,
        "engine": done.engine,
        "adapter": done.adapter,
        "prompt": prompt.text,
        "template": prompt.template_hash,
    }


def seed_of(prompt: str, draw: int) -> int:
    """Return what an engine draws its words by: a function of the prompt, and of how many times it has been asked."""
    again = "" if draw == 1 else f"\0{draw}"
    return int.from_bytes(hashlib.sha256((prompt + again).encode()).digest()[:4], "big") & 0x7FFFFFFF
