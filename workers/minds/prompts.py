"""Prompts: a percept and memories become messages, within a budget of tokens.

The system part is the same for all agents, so an engine computes it once (prefix caching); then comes
who the agent is, which changes rarely; then the moment. What others wrote is quoted as inert text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.ports import Recalled
from workers.minds.people import deals_of, people_of
from workers.minds.plain import plain
from workers.minds.words import LINE_MAX, QUESTION_MAX, sides_of, view_of

TEMPLATE_VERSION = 2
"""Raised whenever the same percept would give another prompt, be it by a template or by `words`."""
PURPOSES = ("intention", "reflection", "interview", "survey")
BUDGET_TOKENS = 300

_FOLDER = Path(__file__).parent / "templates"
_SHARED = ("person.j2", "moment.j2")
_PIECE = re.compile(r"(?<![A-Za-z])[A-Z][a-z]+|[a-z]+|[A-Z]|[^\W\d_]+?(?=[A-Za-z]|\b)|\d|\s+|.", re.DOTALL)


@dataclass(frozen=True)
class Prompt:
    """What an engine is asked.

    Attributes
    ----------
    messages : role and content of each; the first is shared by all agents
    template_hash : SHA-256 of the version and the sources of the templates, in hex
    used_memories : those that are in the prompt, in the order that they are listed
    tokens : by the counter that was given, chat format included
    """

    messages: tuple[dict[str, str], ...]
    template_hash: str
    used_memories: tuple[Recalled, ...]
    tokens: int

    @property
    def text(self) -> str:
        """The prompt as people read it."""
        return "\n\n".join(f"[{m['role']}]\n{m['content']}" for m in self.messages)


def render(
    percept: dict[str, Any],
    memories: Sequence[Recalled],
    *,
    budget_tokens: int = BUDGET_TOKENS,
    count_tokens: Callable[[str], int] | None = None,
    purpose: str | None = None,
    question: str = "",
    choices: Sequence[str] = (),
    reasons: bool = False,
) -> Prompt:
    """Return the prompt for a thought.

    Parameters
    ----------
    percept : as `domain.minds.percepts` makes it
    memories : what was retrieved; listed oldest first
    budget_tokens : what the prompt may cost. Memories are dropped first, the oldest before the others;
        then lines of the inbox, then recent events and news, each oldest first; then who is farthest
        off; then the backstory. The instruction and the newest line of the inbox never are, so a
        budget that is too small even for them is exceeded.
    count_tokens : counts the tokens of a text; by default `estimate_tokens`
    purpose : one of `PURPOSES`; by default the percept's
    question : what an interviewer asks
    choices, reasons : of a survey, what may be answered, as it is to be listed, and whether to say why
    """
    purpose = purpose or str(percept.get("purpose", "intention"))
    assert purpose in PURPOSES, purpose
    count = count_tokens or estimate_tokens
    kept = sorted(memories, key=lambda m: (m.born, _ordinal(m.id)))
    view = view_of(percept)
    view["question"] = plain(question, limit=QUESTION_MAX)
    view["choices"], view["reasons"] = list(choices), reasons
    view["addressee"] = _addressee(percept)
    view["proposal"] = _proposal(percept, view["addressee"])
    while True:
        view["memories"] = [plain(m.text, limit=LINE_MAX) for m in kept]
        messages = tuple(
            {"role": role, "content": _template(f"{purpose}.{role}.j2").render(view).strip()}
            for role in ("system", "user")
        )
        tokens = _CHAT_TOKENS + sum(_MESSAGE_TOKENS + count(m["content"]) for m in messages)
        if tokens <= budget_tokens or not _drop_one(view, kept, purpose):
            break
    return Prompt(messages, template_hash(purpose), tuple(kept), tokens)


_CHAT_TOKENS, _MESSAGE_TOKENS = 8, 5
"""What the chat format adds: the opening of the answer (with a few to spare), role and marks of each message."""


def _drop_one(view: dict[str, Any], kept: list[Recalled], purpose: str) -> bool:
    """Take the least missed thing out; False if only what must stay is left."""
    # A reflection without memories would be about nothing.
    if len(kept) > (1 if purpose == "reflection" else 0):
        kept.pop(0)
    elif len(view["inbox"]) > (0 if view["offer"] else 1):
        view["inbox"] = view["inbox"][1:]
    elif view["recent"]:
        view["recent"] = view["recent"][1:]
    elif view["news"]:
        view["news"] = view["news"][1:]
    elif len(view["near"]) > 1:
        view["near"] = view["near"][:-1]
    elif view["backstory"]:
        view["backstory"] = ""
    else:
        return False
    return True


def _addressee(percept: dict[str, Any]) -> str:
    """Return whom the moment is about: who made an offer, else who spoke last, else who is nearest."""
    labels = {agent: label for label, agent in people_of(percept).items()}
    wanted = [percept["pending"]["from"]] if percept.get("pending") else []
    wanted += [line["from"] for line in reversed(percept.get("inbox", ()))]
    wanted += list(labels)[:1]
    return next((labels[int(agent)] for agent in wanted if int(agent) in labels), "")


def _proposal(percept: dict[str, Any], addressee: str) -> str:
    """Return what could be proposed to whom the moment is about: a small model does not think of it by itself."""
    other = people_of(percept).get(addressee)
    deal = None if other is None else deals_of(percept).get(other)
    return "" if deal is None else " for ".join(sides_of(deal))


def _ordinal(memory_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", memory_id))


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


@cache
def _template(name: str) -> Any:
    return _environment().get_template(name)


@cache
def template_hash(purpose: str) -> str:
    """Return the SHA-256 in hex of the template version and of all sources that the purpose's prompts are made of."""
    digest = hashlib.sha256(f"{TEMPLATE_VERSION}".encode())
    for name in (f"{purpose}.system.j2", f"{purpose}.user.j2", *_SHARED):
        digest.update(b"\0" + name.encode() + b"\0" + (_FOLDER / name).read_bytes())
    return digest.hexdigest()


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has; rather more than less, for models of English.

    A word costs one token for every six letters begun, and a capital letter makes it rarer; digits
    and marks cost one each; what is not ASCII may cost as much as its bytes in UTF-8.
    """
    tokens, after_space = 0, False
    for piece in _PIECE.findall(text):
        if piece.isspace():
            tokens += piece.count("\n") + ("  " in piece)
        elif not piece.isascii():
            tokens += len(piece.encode("utf-8", "replace"))
        elif piece.isalpha():
            # `piece` ends where the case changes, so whatEVer counts as several words.
            tokens += -(-len(piece) // (4 if piece[0].isupper() else 7))
        else:
            # A digit stands alone, and so does the space before it.
            tokens += 1 + (piece.isdigit() and after_space)
        after_space = piece.isspace()
    return tokens
