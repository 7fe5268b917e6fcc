"""Words without a language model: fixed phrases by topic, each with its canonical payload ready.

Phrases are numbered by position; the number never reaches history, the words do.
"""

from __future__ import annotations

import numpy as np

from domain._jit import inline, kernel
from domain.events import payload_of
from domain.rules.plan import P_ENERGY, P_GOODS, P_SATIETY

_TOPICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("greeting", (
        "Good day to you.", "It is good to see a face out here.", "Well met. Where does your way lead?",
        "I was hoping to find somebody to talk to.",
    )),
    ("hunger", (
        "I have not eaten properly for days.", "My stomach is empty. Have you seen food nearby?",
        "The ground gives so little here.", "If I find nothing by tonight I do not know what to do.",
    )),
    ("weariness", (
        "My legs are heavy. I must rest soon.", "The climb has worn me out.", "I could sleep for a day.",
        "Too much work and too little rest.",
    )),
    ("plenty", (
        "My store is full; I would gladly barter.", "The harvest was kind to me this time.",
        "I have more than I can carry.", "Come by if you are ever short of food.",
    )),
    ("reply", (
        "And to you.", "I hear you. Let us keep an eye on each other.", "So it goes for all of us.",
        "Thank you for telling me.",
    )),
    ("comfort", (
        "There is food beyond the hill, I think.", "Hold on. It will get better.", "I wish I had something to give.",
        "Rest a while and then try further on.",
    )),
)  # fmt: skip
GREETING, HUNGER, WEARINESS, PLENTY, REPLY, COMFORT = range(6)
PHRASES_A_TOPIC = 4
PAYLOADS = tuple(payload_of(text=text) for _, texts in _TOPICS for text in texts)
PAYLOAD_BYTES = np.frombuffer(b"".join(PAYLOADS), np.uint8)
PAYLOAD_ENDS = np.cumsum([len(p) for p in PAYLOADS]).astype(np.int64)

_HUNGRY, _TIRED, _PLENTY = 5_000, 3_500, 8_000


@inline
def topic_of(p, row):  # type: ignore[no-untyped-def]
    """Return what is on the speaker's mind."""
    if p[P_SATIETY, row] < _HUNGRY:
        return HUNGER
    if p[P_ENERGY, row] < _TIRED:
        return WEARINESS
    if p[P_GOODS, row] > _PLENTY:
        return PLENTY
    return GREETING


@inline
def answer_to(topic):  # type: ignore[no-untyped-def]
    """Return the topic of a reply."""
    return COMFORT if topic == HUNGER or topic == WEARINESS else REPLY


@kernel
def collect_payloads(phrases, n, phrase_bytes, phrase_ends, ends, out):  # type: ignore[no-untyped-def]
    """Write the payload of each record's phrase (-1: none) end to end; return the bytes written, -1 if too many."""
    at = 0
    for i in range(n):
        phrase = phrases[i]
        if phrase >= 0:
            start = phrase_ends[phrase - 1] if phrase > 0 else 0
            stop = phrase_ends[phrase]
            if at + stop - start > out.shape[0]:
                return -1
            # Byte by byte: assigning a slice would take a second and a half to compile.
            for k in range(start, stop):
                out[at] = phrase_bytes[k]
                at += 1
        ends[i] = at
    return at
