"""The modules of the debugger's page, read as text: what they import is there, and nothing leads to another host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import chronopolis.web
from chronopolis.sentences import _WORDS
from domain.events import KINDS

PAGE = Path(chronopolis.web.__file__).parent / "page"
MODULES = sorted((PAGE / "js").glob("*.js"))
SOURCES = {path.name: path.read_text() for path in MODULES}
_IMPORT = re.compile(r'^import (?:\{(?P<names>[^}]*)\} from )?"\./(?P<module>[a-z_]+\.js)";', re.M)
_EXPORT = re.compile(r"^export (?:async )?(?:const|function|class) (\w+)", re.M)


@pytest.mark.parametrize("name", SOURCES)
def test_every_import_leads_to_something_that_is_exported(name: str) -> None:
    found = list(_IMPORT.finditer(SOURCES[name]))
    assert SOURCES[name].count("\nimport ") + SOURCES[name].startswith("import ") == len(found)
    for each in found:
        exported = set(_EXPORT.findall(SOURCES[each["module"]]))
        wanted = {part.strip() for part in (each["names"] or "").split(",") if part.strip()}
        assert wanted <= exported, each["module"]
        body = _IMPORT.sub("", SOURCES[name])
        assert not [word for word in wanted if not re.search(rf"\b{word}\b", body)], "imported for nothing"


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_has_one_idea_and_says_so(name: str) -> None:
    lines = SOURCES[name].splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) < 250
    assert max(map(len, lines)) <= 200  # a path of an icon is one string


def test_every_module_is_reached_from_where_pages_begin() -> None:
    reached, waiting = set[str](), ["index.js"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [each["module"] for each in _IMPORT.finditer(SOURCES[name])]
    assert reached == set(SOURCES)


def test_nothing_leads_to_another_host() -> None:
    for path in sorted(PAGE.rglob("*")):
        if path.suffix in (".js", ".css", ".svg", ".py"):
            there = set(re.findall(r"https?://[^\s\"'`)]+", path.read_text()))
            assert there <= {"http://www.w3.org/2000/svg"}, path.name


def test_every_kind_of_event_has_a_sentence_and_a_sort() -> None:
    sorts = SOURCES["telling.js"].partition("const SORTS")[2]
    assert {kind.name for kind in KINDS} == set(_WORDS)
    assert not [kind.name for kind in KINDS if not re.search(rf"\b{kind.name}\b", sorts)]


def test_every_colour_that_is_used_is_one_of_both_themes() -> None:
    sheet = (PAGE / "js" / "look.css").read_text()
    blocks = re.findall(r"body--(?:light|dark) \{(.*?)\}", sheet, re.S)
    light, dark = (set(re.findall(r"--([a-z-]+):", block)) for block in blocks)
    used = set(re.findall(r"var\(--([a-z-]+)\)", sheet + "".join(SOURCES.values())))
    assert light == dark
    assert used - {"sort"} <= light


# Of the colours of texts and of what they stand on, rows under the hand included, as the sheet has them for each theme.
_TEXTS = ("ink", "soft", "faint", "accent", "fork", "intervention", "found", "bad")
_GROUNDS = ("page", "panel", "raised", "hover", "accent-soft")


def _light(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_a_text_can_be_read_on_whatever_it_may_stand(theme: int) -> None:
    sheet = (PAGE / "js" / "look.css").read_text()
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", re.findall(r"\{[^}]*--page:[^}]*\}", sheet)[theme]))
    for text in _TEXTS:
        for ground in _GROUNDS:
            low, high = sorted((_light(colours[text]), _light(colours[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{text} on {ground}"
