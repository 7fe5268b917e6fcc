"""A password is shown nowhere and stands in no command line, however its address is written."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chronopolis.cli.database import Role, _psql_login
from infrastructure.errors import DatabaseUnreachable
from infrastructure.passwords import password_apart, without_password
from workers.errors import QueueUnavailable

pytestmark = pytest.mark.unit

READABLE = [
    ("postgresql://me:hush%20hush@db.example/polis", "hush hush"),
    ("postgresql://db.example/polis?user=me&password=hush%26&sslmode=require", "hush&"),
    ("host=db.example dbname=polis password=hush&hush", "hush&hush"),
    ("host=db.example password='hush it\\'s hush' user=me", "hush it's hush"),
    ("host=db.example password = hush\\ hush user=me", "hush hush"),
]


@pytest.mark.parametrize(
    "address",
    [
        *(address for address, _ in READABLE),
        "postgresql://me:hu@sh@db.example/polis",
        "host=db.example password='hush with no end",
        "host=db.example sslpassword=hush",
        "redis://:hush@broker:6379/0",
        "redis://broker:6379/0?password=hush",
    ],
)
def test_a_password_is_struck_out(address: str) -> None:
    shown = without_password(address)
    assert "sh" not in shown and "***" in shown
    assert ("db.example" if "db.example" in address else "broker") in shown
    assert "sh" not in without_password(shown)
    assert "hush" not in f"{DatabaseUnreachable(address, '')}{QueueUnavailable(address, '')}"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://me:hush@h/x", 'missing "=" after "mysql://me:hush@h/x" in connection info string'),
        ("postgresql://me:hush%zz@h/x", 'invalid percent-encoded token: "hush%zz"'),
        ("postgresql://me:hu@sh@h/x", "failed to resolve host 'sh@h': Name or service not known"),
        ("host=h password=hu sh", 'missing "=" after "sh" in connection info string'),
    ],
)
def test_a_password_that_the_driver_quotes_is_struck_out_too(address: str, said: str) -> None:
    error = DatabaseUnreachable(address, said)
    assert "sh" not in f"{error}{error.args}"


def test_what_else_the_driver_quotes_is_kept() -> None:
    said = 'FATAL:  password authentication failed for user "me"'
    assert said in str(DatabaseUnreachable("postgresql://me:hush@h/x", said))


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql"])
def test_the_scheme_to_write_is_said(scheme: str) -> None:
    assert "Write postgresql://… in POLIS_DATABASE_URL" in str(DatabaseUnreachable(f"{scheme}://me:hush@h/x", ""))


@pytest.mark.parametrize(
    "address", ["postgresql://me@db.example/polis", "host=db.example dbname=polis", "redis+socket:///run/valkey.sock"]
)
def test_an_address_without_a_password_stays_as_it_is(address: str) -> None:
    assert without_password(address) == address


@pytest.mark.parametrize(("address", "password"), READABLE)
def test_psql_gets_a_password_by_its_environment_alone(address: str, password: str) -> None:
    assert password_apart(address)[1] == password
    database: Any = SimpleNamespace(embedded=None, public_url=lambda user: address)
    arguments, environment = _psql_login(database, Role.READ)
    assert "hush" not in "".join(arguments) and "db.example" in arguments[1]
    assert environment["PGPASSWORD"] == password
