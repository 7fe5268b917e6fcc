"""Passwords in addresses: struck out where they are shown, taken out where others would see them."""

from __future__ import annotations

import re
from typing import Any


def without_password(address: str) -> str:
    """Return a URL, or a connection string of libpq, with any password in it replaced by ``***``."""
    if "://" in address:
        address = re.sub(r"(://[^:/?#]*):.*@", r"\1:***@", address, count=1)  # greedy: a password may itself hold an @
        return re.sub(r"(password=)[^&\s]*", r"\1***", address)
    import psycopg  # here: most addresses are URLs
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        known = conninfo_to_dict(address)
    except psycopg.ProgrammingError:  # where a value ends in what can't be read, nobody can tell
        return re.sub(r"(password\s*=).*", r"\1***", address, flags=re.DOTALL)
    hidden = {name: "***" for name in known if name.endswith("password")}
    return make_conninfo(address, **hidden) if hidden else address


def said_without_password(said: str, address: str) -> str:
    """Return what a driver said of an address, without what it quoted of the password in it."""
    shown = without_password(address)

    def kept(quoted: re.Match[str]) -> str:
        # A password that holds a / or @ was read as host or port, so it may be quoted in parts.
        return quoted[0] if quoted[2] in shown or quoted[2] not in address else f"{quoted[1]}***{quoted[1]}"

    return re.sub(r"""(["'])(.*?)\1""", kept, without_password(said))


def password_apart(address: str) -> tuple[str, str | None]:
    """Return how to reach a database, without the password, and the password; the address as it is if it has none."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    known: dict[str, Any] = conninfo_to_dict(address)
    password = known.pop("password", None)
    return (address, None) if password is None else (make_conninfo(**known), str(password))
