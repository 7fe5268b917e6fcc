"""The small vocabularies whose codes stand in events and state. Codes are never reused or renumbered."""

from __future__ import annotations

from enum import IntEnum

NEED_FULL = 10_000
"""A need is full at 10 units, kept in milli-units; 0 is empty."""


class Good(IntEnum):
    """What an agent can hold. The first four also lie in cells and regrow."""

    FOOD = 0
    WOOD = 1
    STONE = 2
    ORE = 3
    COIN = 4
    TOOL = 5


N_RESOURCES = 4
N_GOODS = 6


class Biome(IntEnum):
    """What a cell is covered with."""

    WATER = 0
    GRASSLAND = 1
    FOREST = 2
    MARSH = 3
    HILLS = 4
    MOUNTAIN = 5


class Occupation(IntEnum):
    """What an agent gathers when nothing presses; the first four by the good they seek."""

    FARMER = 0
    WOODCUTTER = 1
    MASON = 2
    MINER = 3
    TRADER = 4


class Intention(IntEnum):
    """What an agent is set on until it thinks again. 0-3 gather the good of that code."""

    FORAGE = 0
    CUT_WOOD = 1
    QUARRY = 2
    MINE = 3
    REST = 4
    SOCIALISE = 5
    EXPLORE = 6
    CRAFT = 7


class CauseOfDeath(IntEnum):
    """Why an agent died."""

    HUNGER = 1
    OLD_AGE = 2
    REMOVED = 3  # by an intervention


class Skill(IntEnum):
    """What practice improves; by the code of the good gathered."""

    FARMING = 0
    FORESTRY = 1
    MASONRY = 2
    MINING = 3


TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
N_TRAITS = len(TRAITS)
N_SKILLS = len(Skill)


class Purpose(IntEnum):
    """What a mind is asked for."""

    INTENTION = 0
    REFLECTION = 1


class Reason(IntEnum):
    """Why it is this agent's turn to think; the smaller, the more pressing."""

    SPOKEN_TO = 0
    CRISIS = 1
    MILESTONE = 2
    REFLECTION = 3
    SILENCE = 4


class Act(IntEnum):
    """What one does by saying something (Searle's illocutionary acts, the few that a village needs)."""

    GREET = 0
    INFORM = 1
    ASK = 2
    PROPOSE = 3
    ACCEPT = 4
    REFUSE = 5
    THANK = 6
    GOSSIP = 7


class Closing(IntEnum):
    """Why a conversation ended, or a pledge lapsed."""

    SILENCE = 0
    DISTANCE = 1
    LENGTH = 2
    DEATH = 3
    MEANS = 4  # the goods were not there, or no room for them
    LEFT = 5  # for another conversation


class MemoryKind(IntEnum):
    """What sort of thing is remembered."""

    OBSERVATION = 0
    CONVERSATION = 1
    REFLECTION = 2
    PLAN = 3
