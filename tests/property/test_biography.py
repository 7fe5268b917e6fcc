"""Biographies: the same persona, the same words, and words that fit the traits which rules act by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import biography as b
from domain.biography import Biography, biography
from domain.codes import N_TRAITS, Occupation
from domain.configuration import Configuration
from domain.names import FAMILY, GIVEN
from domain.personas import make_personas

pytestmark = pytest.mark.property

_EXTRAVERSION = 2
_traits = st.lists(st.integers(0, 999), min_size=N_TRAITS, max_size=N_TRAITS)
_personas = st.fixed_dictionaries(
    {
        "agent": st.integers(0, 2**31 - 1),
        "given": st.integers(0, len(GIVEN) - 1),
        "family": st.integers(0, len(FAMILY) - 1),
        "occupation": st.sampled_from(list(Occupation)),
        "traits": _traits,
        "born": st.integers(-30_000, 100_000),
        "seed": st.integers(0, 2**63),
    }
)


def of_population(n: int = 500, seed: int = 7) -> list[Biography]:
    people = make_personas(np.arange(n), Configuration(), seed=seed, tick=0, founders=True)
    return [
        biography(
            agent=i, given=p.given, family=p.family, occupation=p.occupation, traits=p.traits, born=p.born, seed=seed
        )
        for i, p in enumerate(people)
    ]


@given(_personas)
def test_the_same_persona_gets_the_same_words(persona):
    assert biography(**persona) == biography(**persona)


@given(_personas)
def test_words_are_few_and_well_formed(persona):
    told = biography(**persona)
    assert len(told.values) in (2, 3)
    assert len(set(told.values)) == len(told.values)
    assert told.backstory.startswith(GIVEN[persona["given"]])
    assert told.backstory.endswith(".") and told.backstory.count(".") == 1
    assert 1 <= len(told.style.split()) <= 7
    words = " ".join([*told.values, told.backstory, told.style]).split()
    assert len(words) <= 38


@given(_personas)
def test_nobody_is_given_words_of_the_other_end_of_a_trait(persona):
    told = biography(**persona)
    for trait, milli in enumerate(persona["traits"]):
        for end, shows in ((0, milli >= b.HIGH), (1, milli <= b.LOW)):
            if not shows:
                assert not set(b._VALUES[trait][end]) & set(told.values)
                assert not any(words in told.backstory for words in b._KNOWN[trait][end])
                assert not set(b._MANNER.get((trait, end == 0), ())) & set(told.style.split(", "))


@given(_personas)
def test_the_outgoing_never_speak_in_a_withdrawn_way_nor_the_withdrawn_in_an_outgoing_one(persona):
    talk = biography(**persona).style.split(", ")[0]
    level = b.level_of(persona["traits"][_EXTRAVERSION])
    assert talk in b._TALK[level]
    assert not any(talk in b._TALK[other] for other in b._TALK if other != level)


@given(_personas, st.integers(-30_000, 100_000))
def test_only_founders_came_from_elsewhere(persona, born):
    told = biography(**{**persona, "born": born})
    assert any(words in told.backstory for words in (b._CAME if born < 0 else b._BORN))


def test_people_differ():
    told = of_population()
    assert len({t.values for t in told}) > 300
    assert len({t.backstory.split(" ", 1)[1] for t in told}) > 50
    assert len({t.style for t in told}) > 60


def test_the_seed_changes_the_words():
    people = make_personas(np.arange(100), Configuration(), seed=7, tick=0, founders=True)
    p = people[3]
    told = {
        biography(
            agent=3, given=p.given, family=p.family, occupation=p.occupation, traits=p.traits, born=p.born, seed=s
        )
        for s in range(20)
    }
    assert len(told) > 5


def test_these_words_stay_what_they_are():
    told = biography(
        agent=3, given=0, family=18, occupation=Occupation.FARMER, traits=(512, 700, 640, 300, 450), born=-3000, seed=7
    )
    assert told == Biography(
        values=("thrift", "winning", "full larders"),
        backstory="Ada left an old village for this place and counts every coin twice.",
        style="chatty, precise",
    )
