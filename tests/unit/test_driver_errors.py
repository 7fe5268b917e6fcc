"""What an error of the database's driver means to a command and to the server, told without the driver."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy.exc

from chronopolis.driver_errors import is_refusal, words_of
from chronopolis.web.errors import status_of
from domain.errors import CorruptHistory

pytestmark = pytest.mark.unit


def wrapped(error: psycopg.Error) -> sqlalchemy.exc.DBAPIError:
    found = sqlalchemy.exc.DBAPIError.instance("SELECT", {}, error, psycopg.Error)
    assert isinstance(found, sqlalchemy.exc.DBAPIError)
    return found


@pytest.mark.parametrize(
    "kind",
    [
        psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.LockNotAvailable, psycopg.errors.DiskFull,
        psycopg.errors.InsufficientPrivilege, psycopg.errors.AdminShutdown, psycopg.errors.ConnectionTimeout,
        psycopg.errors.CannotConnectNow, psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.DataCorrupted,
    ],
)  # fmt: skip
def test_what_the_database_could_or_would_not_do_is_a_refusal_wrapped_or_not(kind):
    assert is_refusal(kind("it said no"))
    assert is_refusal(wrapped(kind("it said no")))
    assert status_of(kind("it said no")) == 503, "the server judges as the command does"


@pytest.mark.parametrize("kind", [psycopg.errors.UndefinedColumn, psycopg.errors.UniqueViolation, psycopg.DataError])
def test_what_was_asked_for_wrongly_is_no_refusal(kind):
    for error in (kind("no such thing"), wrapped(kind("no such thing"))):
        assert not is_refusal(error)
        assert status_of(error) == 500


def test_a_class_of_the_same_name_from_elsewhere_means_nothing():
    ours = type("OperationalError", (Exception,), {})("no database said this")
    assert not is_refusal(ours)


def test_words_are_those_of_the_driver_without_the_statement():
    assert words_of(wrapped(psycopg.errors.DiskFull("it said no\nHINT: make room\n"))) == "it said no\nHINT: make room"
    assert words_of(KeyError("x")) == "'x'"
    assert words_of(psycopg.OperationalError()) == ""
    damaged, remedy = words_of(CorruptHistory(7, 3, "nobody has id 9")).split("\n")
    assert damaged == "tick 7, event 3: nobody has id 9" and "polis verify" in remedy


def test_a_page_with_a_wrong_checksum_is_told_as_damage_wrapped_or_not():
    error = psycopg.errors.DataCorrupted("invalid page in block 1")
    for each in (error, wrapped(error)):
        assert words_of(each) == "the files of the database are damaged: invalid page in block 1"
