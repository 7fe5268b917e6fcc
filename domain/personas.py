"""Personas from the seed: who an agent is. Drawn when it joins or is born, then recorded for ever."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.codes import N_SKILLS, N_TRAITS, Occupation
from domain.configuration import Configuration
from domain.draws import draws
from domain.events import payload_of
from domain.names import FAMILY, GIVEN, full_name


@dataclass(frozen=True)
class Persona:
    """Who an agent is; numbers in milli-units unless said otherwise."""

    given: int
    family: int
    occupation: Occupation
    born: int  # tick, negative for founders
    lifespan: int  # ticks
    traits: tuple[int, ...]
    skills: tuple[int, ...]

    def payload(self) -> bytes:
        """Return the canonical payload of the event that brings the agent into the world."""
        return payload_of(
            name=full_name(self.given, self.family),
            given=self.given,
            family=self.family,
            occupation=self.occupation.name.lower(),
            born=self.born,
            lifespan=self.lifespan,
            traits=list(self.traits),
            skills=list(self.skills),
        )


# Which draws make up a persona. The numbers are part of what the seed means: they never change.
_TRAIT_DRAWS = [10 * trait + k for trait in range(N_TRAITS) for k in range(3)]
_SKILL_DRAWS = [100 + skill for skill in range(N_SKILLS)]
_OTHER_DRAWS = [200, 201, 202, 203, 204]  # occupation, lifespan, age, given and family name
_SHARES = np.array([400, 580, 720, 860])
"""Four in ten farm; woodcutters, masons, miners and traders share the rest."""
_EACH_SKILL = np.arange(N_SKILLS)[:, None]
_DRAWS = np.array([*_TRAIT_DRAWS, *_SKILL_DRAWS, *_OTHER_DRAWS])
_SKILLS_FROM, _OTHERS_FROM = len(_TRAIT_DRAWS), len(_TRAIT_DRAWS) + len(_SKILL_DRAWS)


def make_personas(
    agents: NDArray[np.int64], configuration: Configuration, *, seed: int, tick: int, founders: bool
) -> list[Persona]:
    """Draw a persona for each agent id.

    Traits are the mean of three uniform draws, so most people are ordinary. An occupation comes with
    a head start in its own skill. Founders are of all ages.
    """
    drawn = draws(agents, seed=seed, stream="persona", tick=tick, indices=_DRAWS)
    dice = ((drawn >> np.uint64(32)) * np.uint64(1000) >> np.uint64(32)).astype(np.int64)  # in [0, 1000)
    traits = dice[:_SKILLS_FROM].reshape(N_TRAITS, 3, -1).sum(axis=1) // 3
    skills = 100 + dice[_SKILLS_FROM:_OTHERS_FROM] // 5
    work, lifespan, age, given, family = dice[_OTHERS_FROM:]
    occupation = np.searchsorted(_SHARES, work, side="right")
    skills += 300 * (occupation == _EACH_SKILL)
    life = configuration.lifespan
    lifespan = life - life // 3 + lifespan * (2 * life // 3) // 1000
    born = tick - age * lifespan // 1000 if founders else np.full_like(lifespan, tick)
    given, family = given * len(GIVEN) // 1000, family * len(FAMILY) // 1000
    columns = (given, family, occupation, born, lifespan, traits.T, skills.T)
    return [
        Persona(of_given, of_family, Occupation(of_work), of_born, of_life, tuple(of_traits), tuple(of_skills))
        for of_given, of_family, of_work, of_born, of_life, of_traits, of_skills in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]
