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
