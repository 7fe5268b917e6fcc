"""The front door's errors, and the pages that are made from the code."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from pathlib import Path

import psycopg
import pytest
import sqlalchemy.exc

import chronopolis
from chronopolis import docs, errors
from chronopolis.api import History
from chronopolis.cli.errors import CHECK_FAILED, ENVIRONMENT, OUR_MISTAKE, WRONG_USAGE, exit_code_of, report
from chronopolis.cli.run_options import profile_of
from chronopolis.moment import Moment
from chronopolis.python_page import python_page
from domain.errors import MissingAnswer, MissingInput, PolisError, UnknownRun
from domain.events import KINDS

pytestmark = pytest.mark.unit

_ERRORS = [
    errors.WrongUsage("what", "hint"),
    errors.UnknownAgent("brave-otter", 12, "Ida", ("3 Ida Fox", "8 Ida Oak")),
    errors.NoTicksYet("brave-otter"),
    errors.NoSuchHost("what"),
    errors.HolderFailed("what it said"),
]


@pytest.mark.parametrize("error", _ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_of_the_front_door_survives_pickling_and_stands_in_the_tree(error):
    arrived = pickle.loads(pickle.dumps(error))
    assert (type(arrived), vars(arrived), str(arrived)) == (type(error), vars(error), str(error))
    assert isinstance(error, PolisError)
    assert type(error).__name__ in (errors.__doc__ or "")


def test_exit_codes_tell_usage_from_environment_and_from_our_own_mistakes():
    assert exit_code_of(UnknownRun("x")) == WRONG_USAGE
    assert exit_code_of(errors.HolderFailed("x")) == ENVIRONMENT
    assert exit_code_of(OSError(28, "No space left on device")) == ENVIRONMENT
    for limit in (MemoryError(), OSError(24, "Too many open files"), RuntimeError("can't start new thread")):
        assert exit_code_of(limit) == ENVIRONMENT
    assert exit_code_of(KeyError("x")) == OUR_MISTAKE


def test_an_input_that_is_missing_leaves_with_one_code_however_it_is_found_out():
    missing = MissingAnswer("brave-otter", 35, 3)
    assert exit_code_of(missing) == exit_code_of(MissingInput(35, 3)) == CHECK_FAILED
    assert "`polis resume brave-otter`" in str(missing)


def test_what_a_database_does_not_let_us_do_is_no_mistake_of_ours(capsys):
    for kind in (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege, psycopg.errors.DiskFull):
        said = kind("it said no\nLINE 1: SELECT")
        wrapped = sqlalchemy.exc.DBAPIError.instance("SELECT", {}, said, psycopg.Error)
        for error in (said, wrapped):
            assert exit_code_of(error) == ENVIRONMENT
            report(error, ENVIRONMENT, as_json=False)
            assert capsys.readouterr().err == "error: it said no\n"
    assert exit_code_of(psycopg.errors.UndefinedColumn("x")) == OUR_MISTAKE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_reference_shows_every_field_of_a_kind_in_its_example(kind):
    example = docs.example(kind)
    assert example["kind"] == kind.name
    assert {field.name for field in kind.fields} | kind.payload.keys() <= example.keys()
    json.dumps(example)


def test_the_generated_pages_are_current():
    assert docs.main(["--check"]) == 0, "make docs"


def test_the_page_of_python_has_everything_that_is_public_and_no_marks_of_docstrings():
    page = python_page("made")
    public = {f"chronopolis.{name}" for name in chronopolis.__all__}
    public |= {f"run.{name}" for name in vars(History) if not name.startswith("_")}
    public |= {f"moment.{name}" for name in vars(Moment) if not name.startswith("_")} - {
        f"moment.{field.name}" for field in dataclasses.fields(Moment)
    }
    assert public == {name for name in re.findall(r"^### `([\w.]+)", page, re.MULTILINE) if name in public}
    assert page.count("```python\n") * 2 == page.count("```") > 0
    assert "---" not in page and "::\n" not in page and "SKIP" not in page


def test_every_variable_that_is_read_stands_in_the_list():
    root = Path(docs.__file__).parents[1]
    sources = [
        path for folder in ("chronopolis", "workers", "infrastructure") for path in (root / folder).rglob("*.py")
    ]
    read = {name for path in sources for name in re.findall(r'environ[^\n]*"(POLIS_[A-Z_]+)"', path.read_text("utf-8"))}
    assert {"POLIS_HOME", "POLIS_BROKER_URL"} <= read
    unlisted = {name for name in read if f"| `{name}` |" not in docs.commands_page()}
    assert unlisted == {"POLIS_FAILPOINT"}, "for tests alone"


@pytest.mark.parametrize(
    "wrong", ["2.9", "1e400", "true", '"3"', "null", "[1]"], ids=["fraction", "endless", "true", "text", "null", "list"]
)
def test_a_profile_with_anything_but_whole_numbers_is_refused_and_not_made_to_fit(tmp_path, wrong):
    profile = tmp_path / "profile.json"
    profile.write_text('{"think_delay": 40, "think_budget": 12, "ok": true}')
    assert profile_of(profile) == {"think_delay": 40, "think_budget": 12}
    profile.write_text(f'{{"think_delay": {wrong}, "think_budget": 12}}')
    with pytest.raises(errors.WrongUsage, match=r"think_delay is .* has to be a whole number"):
        profile_of(profile)
    for text in ("[]", "7", "{", '{"think_delay": 4}', "[" * 100_000):
        profile.write_text(text)
        with pytest.raises(errors.WrongUsage, match="it is no profile"):
            profile_of(profile)
