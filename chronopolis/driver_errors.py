"""What an error says and means at the front door, also one of the database's driver that comes this far.

Those are told by the names of classes, since most commands need no driver: looking for its classes would load it.
"""

from __future__ import annotations

from domain.errors import CorruptHistory

_OF_DAMAGE = (
    "`polis verify RUN` names the first tick that is damaged. `polis fork RUN --at` the tick before it goes on from "
    "what is whole, and a dump may hold the rest."
)
_NOT_OURS = frozenset(("OperationalError", "InterfaceError", "InsufficientPrivilege", "ReadOnlySqlTransaction"))


def is_refusal(error: BaseException) -> bool:
    """Whether the database could not do it, or would not let us: no mistake of ours.

    A lock that can't be had, a full disk, … are OperationalErrors; a standby has a kind of its own.
    """
    kinds = {kind.__name__ for kind in type(_original(error)).__mro__ if kind.__module__.startswith("psycopg")}
    return not kinds.isdisjoint(_NOT_OURS)


def words_of(error: BaseException) -> str:
    """Return what an error says, without the statement that SQLAlchemy tells as well; empty if nothing.

    What can be done about a damaged tick is known to the front door alone, so it is said here.
    """
    said = str(_original(error)).strip()
    return f"{said}\n{_OF_DAMAGE}" if isinstance(error, CorruptHistory) and error.tick >= 0 else said


def _original(error: BaseException) -> BaseException:
    """Return what SQLAlchemy wraps; any other error as it is."""
    return getattr(error, "orig", None) or error
