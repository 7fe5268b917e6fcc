"""SQL as text: where a statement ends, and what it begins with. Nothing more is understood of it here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

READING = ("select", "with", "values", "table", "explain", "show")
"""What a question may begin with; a WITH or EXPLAIN that would write is refused by the database itself."""

# The pieces in which a semicolon is no end: quoted text, quoted names, dollar quotes, comments.
_PIECE = re.compile(
    r"""
      (?P<escape>\b[eE]'(?:[^'\\]|\\.|'')*(?:'|$))
    | (?P<text>'(?:[^']|'')*(?:'|$))
    | (?P<name>"(?:[^"]|"")*(?:"|$))
    | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|$))
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = ("'", '"', "$")


def statements_of(text: str) -> list[str]:
    """Return the statements of a text without their semicolons; what is only white space or remarks is none."""
    return [s for s, _ in _pieces(text) if first_word(s)]


def is_whole(text: str) -> bool:
    """Whether the text ends with a finished statement: a semicolon that stands in no quotes and no remark."""
    last = ""
    for statement, ended in _pieces(text):
        if not ended:
            last = statement
    return not first_word(last) and "/*" not in last and last.strip()[:1] not in _OPENING


def outside_quotes(text: str, change: Callable[[str], str]) -> str:
    """Return a text with what stands in no quotes and no remark changed, a part at a time."""
    parts, start, at = [], 0, 0
    while found := _PIECE.search(text, at):
        at = _end_of_block(text, found.start()) if found.lastgroup == "block" else found.end()
        if found.lastgroup != "end":
            parts += [change(text[start : found.start()]), text[found.start() : at]]
            start = at
    return "".join([*parts, change(text[start:])])


def mentions(statement: str, name: str) -> bool:
    """Whether a name stands in a statement as a word, be it in quotes or a remark: better once too often than not."""
    return re.search(rf"\b{re.escape(name)}\b", statement, re.IGNORECASE) is not None


def first_word(statement: str) -> str:
    """Return the word that a statement begins with, in lower case, remarks and parentheses passed over."""
    at = 0
    while at < len(statement):
        if statement[at].isspace() or statement[at] == "(":
            at += 1
        elif statement.startswith("--", at):
            at = _or_end(statement.find("\n", at), statement)
        elif statement.startswith("/*", at):
            at = _end_of_block(statement, at)
        else:
            found = re.match(r"\w+|.", statement[at:], re.DOTALL)
            return found.group().lower() if found else ""
    return ""


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield (statement, whether a semicolon ended it)."""
    start = at = 0
    while True:
        found = _PIECE.search(text, at)
        if found is None:
            break
        at = found.end()
        if found.lastgroup == "block":
            at = _end_of_block(text, found.start())
        elif found.lastgroup == "end":
            yield text[start : found.start()], True
            start = at
    yield text[start:], False


def _end_of_block(text: str, at: int) -> int:
    """Return where the remark that begins at `at` ends; such remarks nest."""
    depth, marks = 0, re.compile(r"/\*|\*/")
    while True:
        found = marks.search(text, at)
        if found is None:
            return len(text)
        depth += 1 if found.group() == "/*" else -1
        at = found.end()
        if depth == 0:
            return at


def _or_end(at: int, text: str) -> int:
    return len(text) if at < 0 else at
