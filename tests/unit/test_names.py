"""Names of runs: memorable, within what the store takes, never one that is taken."""

from __future__ import annotations

import re
from itertools import count

import pytest

from chronopolis.names import ADJECTIVES, ANIMALS, memorable_name

pytestmark = pytest.mark.unit

_STORABLE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def test_the_words_are_distinct_and_can_stand_in_a_name():
    for words in (ADJECTIVES, ANIMALS):
        assert len(set(words)) == len(words)
        assert all(re.fullmatch(r"[a-z]+", word) for word in words)


def test_there_are_enough_names_for_a_laboratory():
    assert len(ADJECTIVES) * len(ANIMALS) > 10_000


def test_a_name_is_an_adjective_and_an_animal():
    adjective, animal = memorable_name().split("-")
    assert adjective in ADJECTIVES
    assert animal in ANIMALS


def test_names_differ():
    assert len({memorable_name() for _ in range(50)}) > 40


def test_a_name_that_is_taken_is_passed_over():
    choices = iter([0, 0, 0, 0, 1, 1])
    taken = {f"{ADJECTIVES[0]}-{ANIMALS[0]}"}
    assert memorable_name(taken, choose=lambda n: next(choices)) == f"{ADJECTIVES[1]}-{ANIMALS[1]}"


def test_once_words_run_short_a_name_gets_a_number():
    taken = {f"{adjective}-{animal}" for adjective in ADJECTIVES for animal in ANIMALS}
    turn = count()
    name = memorable_name(taken, choose=lambda n: next(turn) % n)
    assert name not in taken
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", name)
    assert _STORABLE.fullmatch(name)
