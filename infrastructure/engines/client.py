"""One client for every engine that speaks the OpenAI chat API: llama.cpp's server, vLLM, Ollama, hosted ones.

They differ in how an adapter is named, and in whether a seed is safe; that is all a `Dialect` says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.errors import EngineAnsweredNonsense, EngineRefused, EngineTimedOut
from domain.ports import Completed, Completion
from infrastructure.engines.address import api_url
from infrastructure.engines.line import ANSWER_BYTES_MAX, Line

_THINK_FIRST = "Think about it in a few sentences. Do not answer yet."
_GUIDED = "%llguidance {}\nstart: %json "
_NOW_ANSWER = "Now answer, with the JSON object alone."


@dataclass(frozen=True)
class Dialect:
    """How one engine wants to be asked.

    Attributes
    ----------
    model : the name that is sent for the base model
    adapters : for each adapter, the name of the model that is it (vLLM) or its number (llama.cpp)
    sends_seed : vLLM's CPU build dies of a seed in a request
    guided : whether the schema goes as a grammar of llguidance, which xllamacpp is built with: then the answer has
        no spaces between its parts, a quarter of the tokens of a short one
    checks_model : whether the engine says which model answered by the name that was asked for
    reasoning_tokens : 0, or how many a model that thinks before it answers may think, unconstrained
    sampling : what else is said of how to draw, by the names of that engine
    """

    model: str
    adapters: Mapping[str, str | int] = field(default_factory=dict)
    sends_seed: bool = True
    guided: bool = False
    checks_model: bool = False
    reasoning_tokens: int = 0
    sampling: Mapping[str, float] = field(default_factory=dict)


class ChatEngine:
    """An engine at a URL, behind the `Engine` port.

    Parameters
    ----------
    url : str
        With or without ``/v1`` at its end.
    dialect : Dialect
    identity : dict
        As the port says; what a run records.
    key : str, optional
    bytes_max : int
        Largest answer that is read.
    """

    def __init__(
        self,
        url: str,
        dialect: Dialect,
        identity: Mapping[str, Any],
        *,
        key: str | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        self.identity = dict(identity)
        self._dialect = dialect
        self._line = Line(api_url(url), key=key, bytes_max=bytes_max)
        self._shown = short_identity(identity)

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        """Ask, and wait for the whole answer at most `timeout_s`; see `domain.ports.Engine`."""
        try:
            return self._complete(wanted, timeout_s)
        except EngineTimedOut:
            raise EngineTimedOut(timeout_s) from None  # the whole time, not what was left for the last exchange

    def _complete(self, wanted: Completion, timeout_s: float) -> Completed:
        began = time.perf_counter()
        body = self._body(wanted)
        messages = list(wanted.messages)
        tokens_in = tokens_out = 0
        if self._dialect.reasoning_tokens and wanted.schema is not None:
            thinking = body | {
                "messages": [*messages, {"role": "user", "content": _THINK_FIRST}],
                "max_tokens": self._dialect.reasoning_tokens,
            }
            thinking = {k: v for k, v in thinking.items() if k not in ("response_format", "grammar")}
            thought, tokens_in, tokens_out = self._ask(thinking, timeout_s, thoughts=True)
            messages += [{"role": "assistant", "content": thought}, {"role": "user", "content": _NOW_ANSWER}]
            # Qwen and its kin would think a second time; other templates don't know the word and ignore it.
            body["chat_template_kwargs"] = {"enable_thinking": False}
        body["messages"] = messages
        text, more_in, more_out = self._ask(body, timeout_s - (time.perf_counter() - began))
        return Completed(
            text=text,
            tokens_in=tokens_in + more_in,
            tokens_out=tokens_out + more_out,
            latency_ms=round((time.perf_counter() - began) * 1e3),
            adapter=wanted.adapter,
            engine=self._shown,
        )

    def models(self, *, timeout_s: float = 10.0) -> list[dict[str, Any]]:
        """Return what the engine says of the models that it has."""
        found = self._line.get("/models", timeout_s=timeout_s)
        rows = found.get("data") if isinstance(found, dict) else None
        if not isinstance(rows, list) or not all(isinstance(r, dict) and isinstance(r.get("id"), str) for r in rows):
            raise EngineAnsweredNonsense("its list of models is none")
        return rows

    def close(self) -> None:
        """Close the connections; a second time does nothing."""
        self._line.close()

    def _body(self, wanted: Completion) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._dialect.model,
            "max_tokens": wanted.max_tokens,
            "temperature": wanted.temperature_milli / 1000,
            "stream": False,
            **self._dialect.sampling,
        }
        if self._dialect.sends_seed:
            body["seed"] = wanted.seed
        if wanted.schema is not None and self._dialect.guided:
            body["grammar"] = _GUIDED + json.dumps(wanted.schema | {"x-guidance": {"whitespace_flexible": False}})
        elif wanted.schema is not None:
            schema = {"name": "answer", "strict": True, "schema": wanted.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        adapters = self._dialect.adapters
        if wanted.adapter is not None and wanted.adapter not in adapters:
            have = ", ".join(sorted(adapters)) or "none"
            raise EngineRefused(
                f"it has no adapter {wanted.adapter!r} (it has: {have}), and nothing may stand in for it"
            )
        numbers = {name: number for name, number in adapters.items() if isinstance(number, int)}
        if numbers:  # all of them: one that is left out would keep the scale of the server
            body["lora"] = [{"id": n, "scale": float(name == wanted.adapter)} for name, n in numbers.items()]
        elif wanted.adapter is not None:
            body["model"] = adapters[wanted.adapter]
        return body

    def _ask(self, body: dict[str, Any], timeout_s: float, *, thoughts: bool = False) -> tuple[str, int, int]:
        answer = self._line.post("/chat/completions", body, timeout_s=timeout_s)
        try:
            message = answer["choices"][0]["message"]
            text = message.get("content")
            if thoughts and not text:
                text = message.get("reasoning_content") or message.get("reasoning")
            usage = answer.get("usage") or {}
            tokens = int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise EngineAnsweredNonsense("its JSON is not that of a chat completion") from None
        if not isinstance(text, str) or (not text and not thoughts):
            raise EngineAnsweredNonsense(f"the message has no text ({answer['choices'][0].get('finish_reason')})")
        if self._dialect.checks_model and answer.get("model") != body["model"]:
            raise EngineRefused(f"model {answer.get('model')!r} answered in place of {body['model']!r}")
        return text, *tokens


def short_identity(identity: Mapping[str, Any]) -> str:
    """Return an identity on a line, for people: engine, version, model and the beginning of its hash."""
    return "{name} {version} {model} ({model_hash:.12})".format(**identity)
