"""Prompts and answers with the model that comes with the package: its tokenizer, its decoder, its grammar."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pytest

from domain.biography import biography
from domain.configuration import Configuration
from domain.names import full_name
from domain.personas import make_personas
from tests.support.percepts import FULL, MEMORIES, percept
from workers.minds.answers import ANSWER_TOKENS, AnswerUnusable, parse, schema_of
from workers.minds.prompts import BUDGET_TOKENS, PURPOSES, estimate_tokens, render

pytest.importorskip("xllamacpp")

from tests.support import small_model

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


def moments(n: int) -> list[dict[str, Any]]:
    """Return percepts of n different people, from lonely ones to ones with everything going on."""
    ids = np.arange(n + 4)
    people = make_personas(ids, Configuration(), seed=7, tick=0, founders=True)
    names = [full_name(p.given, p.family) for p in people]
    found = []
    for i, p in enumerate(people[:n]):
        told = biography(
            agent=i, given=p.given, family=p.family, occupation=p.occupation, traits=p.traits, born=p.born, seed=7
        )
        near = [{**other, "name": names[i + 1 + k]} for k, other in enumerate(FULL["near"])][: i % 5]
        offered = i % 3 == 0 and bool(near)
        inbox = [{**line, "name": names[i + 1]} for line in FULL["inbox"]]
        found.append(
            percept(
                agent=i, name=names[i], occupation=p.occupation.name.lower(), values=list(told.values),
                style=told.style, backstory=told.backstory, near=near,
                inbox=inbox[2:] if offered else inbox[: i % 4],
                pending=FULL["pending"] if offered else None,
                needs={"energy": (1, 4, 8)[i % 3], "satiety": (1, 5, 9, 9)[i % 4], "company": (1, 5, 9, 4, 3)[i % 5]},
            )
        )  # fmt: skip
    return found


def test_the_estimate_of_tokens_is_on_the_safe_side_and_near():
    ratios = []
    for shown in [FULL, *moments(40)]:
        for purpose in PURPOSES:
            prompt = render(shown, MEMORIES, purpose=purpose, question="What do you make of your neighbours?")
            ratios.append(prompt.tokens / small_model.tokens_of_chat(prompt.messages))
    print(f"estimated / real tokens: {min(ratios):.3f} to {max(ratios):.3f}, mean {np.mean(ratios):.3f}")
    assert min(ratios) >= 0.98
    assert np.mean(ratios) <= 1.12


def test_prompts_with_everything_present_keep_to_the_budget():
    sizes = [small_model.tokens_of_chat(render(shown, MEMORIES).messages) for shown in [FULL, *moments(40)]]
    print(f"tokens of prompts: {min(sizes)} to {max(sizes)}, the full one {sizes[0]}")
    assert max(sizes) <= BUDGET_TOKENS


def test_a_persona_is_short():
    for shown in moments(40):
        words = ". ".join([", ".join(shown["values"]), shown["backstory"], shown["style"]])
        assert small_model.tokens_of(words) <= 45


def test_other_scripts_are_not_underestimated():
    for text in ("日本語のテキスト", "Привет, как дела?", "नमस्ते दोस्त", "🌲🌲🌲", "9876543210", "aXbYcZdW"):
        assert estimate_tokens(text) >= small_model.tokens_of(text)


def test_constrained_answers_are_valid_and_short():
    valid, spent, answers = 0, [], []
    people = moments(12)  # lonely and not, spoken to and not, with an offer and without
    for seed, shown in enumerate(people):
        prompt = render(shown, MEMORIES)
        schema = schema_of(shown, prompt.used_memories)
        done = small_model.complete(
            prompt.messages, schema, max_tokens=ANSWER_TOKENS["intention"], seed=seed, temperature=0.7
        )
        text = done["choices"][0]["message"]["content"]
        spent.append((done["usage"]["prompt_tokens"], done["usage"]["completion_tokens"]))
        try:
            answers.append(parse(text, shown))
            valid += 1
        except AnswerUnusable as error:
            answers.append({"refused": str(error), "raw": text})
        if done["choices"][0]["finish_reason"] == "stop":
            jsonschema.validate(json.loads(text), schema)
    for answer, tokens in zip(answers, spent, strict=True):
        print(tokens, answer)
    assert valid >= 0.95 * len(people)
    assert max(tokens_in for tokens_in, _ in spent) <= BUDGET_TOKENS
    assert max(tokens_out for _, tokens_out in spent) <= 32


def test_a_reflection_is_valid():
    shown = percept(purpose="reflection")
    prompt = render(shown, MEMORIES)
    schema = schema_of(shown, prompt.used_memories)
    done = small_model.complete(
        prompt.messages, schema, max_tokens=ANSWER_TOKENS["reflection"], seed=3, temperature=0.7
    )
    answer = parse(done["choices"][0]["message"]["content"], shown, prompt.used_memories)
    print(done["usage"], answer)
    assert answer["insight"] and answer["cites"]
