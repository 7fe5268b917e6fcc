"""Errors travel between processes, so each must survive pickling."""

from __future__ import annotations

import inspect
import pickle
from typing import get_type_hints

import pytest

from domain import errors
from domain.errors import PolisError

pytestmark = pytest.mark.unit

_ERRORS = [e for e in vars(errors).values() if inspect.isclass(e) and issubclass(e, PolisError)]


def _some(hint: object) -> object:
    examples = {
        int: 12, float: 1.5, str: "brave-otter", object: [1], int | str: "Odd", int | None: 3, bytes: b"x",
        bytes | None: b"x",
    }  # fmt: skip
    if hint in examples:
        return examples[hint]  # type: ignore[index]
    return {"tuple[int, int, str, int]": (1, 2, "intention", 0)}.get(str(hint), ("a", "b"))


def example(error: type[PolisError]) -> PolisError:
    if "__init__" not in vars(error):
        return error("what happened") if error.__str__ is PolisError.__str__ else error()
    hints = get_type_hints(error.__init__)
    names = list(inspect.signature(error.__init__).parameters)[1:]
    return error(*(_some(hints[name]) for name in names))


@pytest.mark.parametrize("error", _ERRORS, ids=lambda e: e.__name__)
def test_an_error_survives_pickling_with_its_values_and_words(error):
    raised = example(error)
    arrived = pickle.loads(pickle.dumps(raised))
    assert type(arrived) is error
    assert arrived.args == raised.args
    assert vars(arrived) == vars(raised)
    assert str(arrived) == str(raised) != ""


@pytest.mark.parametrize("error", _ERRORS, ids=lambda e: e.__name__)
def test_every_error_stands_in_the_tree_of_its_module(error):
    assert error.__name__ in (errors.__doc__ or "")
    assert error.__doc__
