"""What an error of the database's driver means, where one comes this far.

Told by the names of classes, since most commands need no driver: looking for its classes would load it.
"""

from __future__ import annotations

_NOT_OURS = frozenset(("OperationalError", "InterfaceError", "InsufficientPrivilege", "ReadOnlySqlTransaction"))


def is_refusal(error: BaseException) -> bool:
    """Whether the database could not do it, or would not let us: no mistake of ours.

    A lock that can't be had, a full disk, … are OperationalErrors; a standby has a kind of its own.
    """
    kinds = {kind.__name__ for kind in type(_original(error)).__mro__ if kind.__module__.startswith("psycopg")}
    return not kinds.isdisjoint(_NOT_OURS)


def words_of(error: BaseException) -> str:
    """Return what an error says, without the statement that SQLAlchemy tells as well; empty if nothing."""
    return str(_original(error)).strip()


def _original(error: BaseException) -> BaseException:
    """Return what SQLAlchemy wraps; any other error as it is."""
    return getattr(error, "orig", None) or error
