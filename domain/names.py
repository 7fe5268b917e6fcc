"""Given and family names. Codes are positions here and stand in history: append, never reorder."""

from __future__ import annotations

GIVEN = (
    "Ada", "Alba", "Amin", "Anouk", "Aron", "Asha", "Bela", "Bo", "Bruno", "Cara", "Cleo", "Corin", "Dara", "Della",
    "Dov", "Edda", "Eli", "Elin", "Emre", "Esme", "Farah", "Finn", "Freya", "Galen", "Gita", "Hana", "Hugo", "Ida",
    "Ilya", "Imani", "Ines", "Iris", "Ivo", "Jana", "Joss", "Juno", "Kai", "Kaya", "Kira", "Lars", "Leila", "Lena",
    "Levi", "Lin", "Luca", "Mara", "Milo", "Mina", "Nadir", "Nell", "Nico", "Nora", "Odin", "Olga", "Omar", "Orla",
    "Otto", "Pia", "Priya", "Quinn", "Rafi", "Rhea", "Rosa", "Runa", "Sami", "Sana", "Selma", "Sol", "Suri", "Tariq",
    "Tess", "Theo", "Tova", "Uma", "Vera", "Viggo", "Wanda", "Willa", "Yara", "Zeno",
)  # fmt: skip

FAMILY = (
    "Alder", "Amber", "Ash", "Barrow", "Beck", "Birch", "Bolt", "Bramble", "Brook", "Burr", "Cairn", "Cedar", "Clay",
    "Cliff", "Clover", "Copper", "Crane", "Dale", "Deer", "Dune", "Elder", "Elm", "Ember", "Fallow", "Fenn", "Fern",
    "Field", "Finch", "Flint", "Ford", "Fox", "Frost", "Garth", "Glen", "Gorse", "Grove", "Hale", "Hawk", "Hazel",
    "Heath", "Heron", "Hill", "Holm", "Ivy", "Kestrel", "Lake", "Lark", "Linden", "Lynx", "Marsh", "Mead", "Mill",
    "Moor", "Moss", "Oak", "Otter", "Peat", "Pine", "Pond", "Quarry", "Rain", "Raven", "Reed", "Ridge", "Rook",
    "Rowan", "Rush", "Sage", "Sand", "Shale", "Sloe", "Snow", "Sorrel", "Stone", "Swift", "Tarn", "Thorn", "Vale",
    "Wren", "Yarrow",
)  # fmt: skip


def full_name(given: int, family: int) -> str:
    """Return the name that the two codes stand for."""
    return f"{GIVEN[given]} {FAMILY[family]}"
