"""Make any text inert: one line of ordinary characters, fit to be quoted to a model or kept in an event.

Whatever people, models and scenarios write goes through here on its way into a prompt, and what a
model says on its way out. Without angle brackets and bars there are no special tokens of any chat
format, without braces no template syntax, without line breaks no line that looks like one of ours.
"""

from __future__ import annotations

import unicodedata

_NEVER = frozenset("<>{}[]|\\`#~^*")
"""Markup of chat formats, templates, Markdown and JSON."""
_MARKS_MAX = 2
_AS = {"“": "'", "”": "'", "„": "'", "«": "'", "»": "'", '"': "'", "‘": "'", "’": "'", "…": "..."}


def plain(text: object, *, limit: int) -> str:
    """Return at most `limit` characters of a text as one inert line; cut between words where it can be.

    Compatibility forms are made ordinary first, so that a full-width bracket is no way around.
    """
    # Far more than is kept need not be looked at: what is read may be megabytes.
    raw = unicodedata.normalize("NFKC", str(text)[: 8 * limit + 64])
    kept: list[str] = []
    marks = _MARKS_MAX
    for character in raw:
        mapped = _AS.get(character, character)
        category = unicodedata.category(character)
        if category in ("Cf", "Cs", "Cn", "Co", "Me"):
            continue  # invisible marks and halves of characters: as if they were not there
        # Scripts need a vowel sign or two on a letter; a tower of them is a prank.
        marks = marks + 1 if category == "Mn" else 0
        if marks > _MARKS_MAX or (marks and (not kept or kept[-1] == " ")):
            continue
        if category[0] in "CZ" or mapped in _NEVER:
            mapped = " "
        kept.append(mapped)
    # Composed again: what was left out may have stood between a letter and its mark.
    line = unicodedata.normalize("NFKC", " ".join("".join(kept).split()))
    if len(line) <= limit:
        return line
    cut = line[:limit]
    # Only a word that was cut in two is given up, and only if something is left.
    if line[limit] != " " and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,;:-")
