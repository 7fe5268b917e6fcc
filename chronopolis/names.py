"""Memorable names for runs, such as ``brave-otter``.

A name is a handle for people: it is in no event and no hash, so it may come from the system's entropy.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container

ADJECTIVES = (
    "able", "agile", "airy", "amber", "ample", "ancient", "apt", "ardent", "azure", "balmy", "blithe", "bold", "brave",
    "breezy", "bright", "brisk", "bronze", "calm", "candid", "careful", "cheery", "civil", "clear", "clever", "copper",
    "coral", "cosy", "crisp", "curious", "dapper", "daring", "deft", "early", "eager", "earnest", "easy", "fair",
    "famous", "fearless", "fleet", "fond", "frank", "free", "fresh", "gentle", "giddy", "glad", "golden", "grand",
    "happy", "hardy", "hasty", "hazel", "honest", "humble", "ivory", "jolly", "jovial", "keen", "kind", "lively",
    "loyal", "lucid", "lucky", "lunar", "mellow", "merry", "mighty", "mild", "misty", "modest", "nimble", "noble",
    "olive", "patient", "placid", "plucky", "polite", "prompt", "proud", "quick", "quiet", "rapid", "ready", "robust",
    "rosy", "ruby", "rustic", "sandy", "serene", "silent", "silver", "sleek", "smart", "snug", "solar", "solid",
    "spry", "steady", "still", "stout", "sunny", "swift", "tender", "tidy", "tough", "trusty", "upbeat", "velvet",
    "vivid", "warm", "wary", "willing", "wise", "witty", "young", "zesty",
)  # fmt: skip

ANIMALS = (
    "adder", "alpaca", "ant", "auk", "badger", "bat", "bear", "beaver", "bee", "beetle", "bison", "bittern", "boar",
    "bobcat", "bream", "bunting", "camel", "carp", "cat", "civet", "cod", "colt", "condor", "coot", "corgi", "cougar",
    "coyote", "crab", "crane", "cricket", "crow", "curlew", "deer", "dingo", "dolphin", "dove", "duck", "eagle",
    "eel", "egret", "eider", "elk", "ermine", "falcon", "fawn", "ferret", "finch", "fox", "frog", "gecko", "gibbon",
    "goat", "goose", "grebe", "grouse", "gull", "hare", "hawk", "hedgehog", "heron", "hoopoe", "hornet", "horse",
    "ibex", "ibis", "jackal", "jaguar", "jay", "kestrel", "kite", "kiwi", "koala", "lamb", "lark", "lemur", "linnet",
    "lion", "lizard", "llama", "lobster", "lynx", "magpie", "marmot", "marten", "mole", "moose", "moth", "mouse",
    "newt", "ocelot", "osprey", "otter", "owl", "panda", "perch", "pike", "pony", "puffin", "puma", "quail", "rabbit",
    "raven", "robin", "rook", "salmon", "seal", "shrew", "skua", "snail", "sparrow", "squid", "stag", "stoat",
    "stork", "swallow", "swan", "swift", "tapir", "teal", "tern", "thrush", "tiger", "toad", "trout", "turtle",
    "viper", "vole", "walrus", "wasp", "weasel", "whale", "wolf", "wombat", "wren", "yak", "zebra",
)  # fmt: skip

_TRIES_PLAIN = 64


def memorable_name(taken: Container[str] = (), *, choose: Callable[[int], int] = secrets.randbelow) -> str:
    """Return a name that is not taken: ``adjective-animal``, with a number once those run short.

    Parameters
    ----------
    taken : container of str
    choose : callable, returns a whole number below its argument; the system's entropy by default

    Returns
    -------
    str, of a-z, 0-9 and -, beginning with a letter
    """
    for attempt in range(10_000):
        adjective, animal = ADJECTIVES[choose(len(ADJECTIVES))], ANIMALS[choose(len(ANIMALS))]
        name = f"{adjective}-{animal}"
        if attempt >= _TRIES_PLAIN:
            name += f"-{2 + choose(100 * (attempt - _TRIES_PLAIN + 1))}"
        if name not in taken:
            return name
    raise AssertionError("ten thousand names were all taken: `choose` does not choose")
