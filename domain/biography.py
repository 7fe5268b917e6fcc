"""Who a persona is in words: values, a sentence of history, a way of speaking. Made from codes, never stored.

Each text follows from the traits that the reflex rules use: who seeks company speaks so, who explores
has wandered, who gives values kindness. The words reach prompts and pages, never events or hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.codes import N_TRAITS, Occupation
from domain.draws import draw
from domain.names import GIVEN

HIGH, LOW = 600, 400
"""Traits from here on, or down to here, show; about three people in ten show each end of each trait."""

_EXTRAVERSION = 2

# By trait (openness … neuroticism), by end: what somebody at that end holds dear.
_VALUES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("discovery", "curiosity", "new ideas"), ("tradition", "familiar ways", "plain sense")),
    (("order", "hard work", "thrift"), ("freedom", "ease", "luck")),
    (("friendship", "good company", "laughter"), ("quiet", "solitude", "privacy")),
    (("kindness", "fairness", "sharing"), ("self-reliance", "winning", "blunt truth")),
    (("safety", "caution", "home"), ("calm", "courage", "patience")),
)
_ORDINARY_VALUES = ("family", "honesty", "good food", "a fair deal", "good neighbours", "steady days")
_OF_WORK = {
    Occupation.FARMER: ("the harvest", "good soil", "full larders"),
    Occupation.WOODCUTTER: ("the forest", "strong timber", "a sharp axe"),
    Occupation.MASON: ("solid walls", "good stone", "lasting work"),
    Occupation.MINER: ("rich ore", "the deep places", "good tools"),
    Occupation.TRADER: ("a good bargain", "an honest scale", "the open road"),
}

# How somebody at each level of extraversion talks; the second part comes from what else shows most.
_TALK = {
    "high": ("talkative", "loud and cheerful", "chatty", "quick to greet"),
    "middle": ("easy", "friendly", "measured", "plain"),
    "low": ("quiet", "brief", "soft-spoken", "sparing of words"),
}
_MANNER: dict[tuple[int, bool], tuple[str, ...]] = {
    (0, True): ("curious", "fanciful"),
    (0, False): ("down-to-earth", "fond of sayings"),
    (1, True): ("precise", "to the point"),
    (1, False): ("careless", "vague"),
    (3, True): ("warm", "polite"),
    (3, False): ("blunt", "teasing"),
    (4, True): ("worried", "nervous"),
    (4, False): ("calm", "unhurried"),
}
# Openness shows twice: what somebody did before, and what they are known for.
_CAME = (
    "came with the first settlers",
    "walked here over the hills",
    "was among the first to settle here",
    "left an old village for this place",
)
_BORN = ("was born here", "grew up in this settlement", "is a child of the settlement", "never knew another home")
_KNOWN: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("always wonders what lies past the next hill", "has seen more of the land than most"),
     ("likes things as they always were", "keeps to paths that are known")),
    (("never leaves work half done", "counts every coin twice"),
     ("puts things off until tomorrow", "trusts to luck")),
    (("knows everybody by name", "can't pass a door without knocking"),
     ("is happiest alone", "keeps away from crowds")),
    (("would share a last loaf", "mends other people's quarrels"),
     ("gives nothing away for free", "speaks harsh truths")),
    (("sleeps badly before winter", "fears the next famine"),
     ("has never been seen to panic", "takes bad days lightly")),
)  # fmt: skip
_KNOWN_ORDINARY = (
    "gets by like most people", "hopes for a good year", "has a few good friends",
    "wants a house with a garden", "still owes a neighbour a favour",
)  # fmt: skip


@dataclass(frozen=True)
class Biography:
    """A persona in words: two or three values, one sentence of history, a style of a few words."""

    values: tuple[str, ...]
    backstory: str
    style: str


def biography(
    *, agent: int, given: int, family: int, occupation: Occupation, traits: Sequence[int], born: int, seed: int
) -> Biography:
    """Return the words for a persona, the same for life.

    Parameters
    ----------
    agent : int, its id: with the seed, what choices among equals are drawn by
    given, family : int, codes of `domain.names`
    occupation : Occupation
    traits : of length N_TRAITS, milli, in the order of `domain.codes.TRAITS`
    born : int, tick, negative for founders, who therefore came from elsewhere
    seed : int, the run's

    Returns
    -------
    Biography
        Of at most 45 tokens or so in all.
    """
    assert len(traits) == N_TRAITS, f"{len(traits)} traits"
    person = np.array([agent], np.int64)

    def pick(choices: Sequence[str], index: int) -> str:
        # The family's code goes into the index, so that siblings by id are not siblings in words.
        drawn = draw(person, seed=seed, stream="biography", tick=0, index=100 * family + index)
        return choices[int(drawn[0] >> np.uint64(32)) * len(choices) >> 32]

    # What shows, strongest first; ties by the order of traits.
    shown = sorted((t for t in range(N_TRAITS) if not LOW < traits[t] < HIGH), key=lambda t: (-abs(traits[t] - 500), t))

    values = [pick(_end(_VALUES[t], traits[t]), 10 + t) for t in shown[:2]]
    values.append(pick(_OF_WORK[occupation], 20))
    if len(values) < 3:
        values.append(pick(_ORDINARY_VALUES, 21))

    talk = pick(_TALK[level_of(traits[_EXTRAVERSION])], 30)
    manner = [t for t in shown if t != _EXTRAVERSION]
    style = f"{talk}, {pick(_MANNER[manner[0], traits[manner[0]] >= HIGH], 31)}" if manner else talk

    came = pick(_CAME if born < 0 else _BORN, 40)
    known = pick(_end(_KNOWN[shown[0]], traits[shown[0]]) if shown else _KNOWN_ORDINARY, 41)
    return Biography(values=tuple(values), backstory=f"{GIVEN[given]} {came} and {known}.", style=style)


def level_of(trait_milli: int) -> str:
    """Return "high", "low" or "middle"."""
    return "high" if trait_milli >= HIGH else "low" if trait_milli <= LOW else "middle"


def _end(ends: tuple[tuple[str, ...], tuple[str, ...]], trait_milli: int) -> tuple[str, ...]:
    return ends[0] if trait_milli >= HIGH else ends[1]
