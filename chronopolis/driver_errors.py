"""What an error says and means at the front door, also one of the database's driver that comes this far.

Those are told by the names of classes, since most commands need no driver: looking for its classes would load it.
"""

from __future__ import annotations

from domain.errors import CorruptHistory

_OF_DAMAGE = (
    "`polis verify RUN` names the first tick that is damaged. `polis fork RUN --at` the tick before it goes on from "
    "what is whole, and a dump may hold the rest."
)
_DAMAGE = frozenset(("DataCorrupted", "IndexCorrupted"))
_NOT_OURS = _DAMAGE | {"OperationalError", "InterfaceError", "InsufficientPrivilege", "ReadOnlySqlTransaction"}


def is_refusal(error: BaseException) -> bool:
    """Whether the database could not do it, or would not let us: no mistake of ours.

    A lock that can't be had, a full disk, … are OperationalErrors; a standby has a kind of its own, and so have pages
    whose checksum is wrong.
    """
    return not _kinds(error).isdisjoint(_NOT_OURS)


def words_of(error: BaseException) -> str:
    """Return what an error says, without the statement that SQLAlchemy tells as well; empty if nothing.

    What can be done about a damaged tick is known to the front door alone, so it is said here.
    """
    said = str(_original(error)).strip()
    if isinstance(error, CorruptHistory) and error.tick >= 0:
        return f"{said}\n{_OF_DAMAGE}"
    return said if _kinds(error).isdisjoint(_DAMAGE) else f"the files of the database are damaged: {said}"


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(_original(error)).__mro__ if kind.__module__.startswith("psycopg")}


def _original(error: BaseException) -> BaseException:
    """Return what SQLAlchemy wraps; any other error as it is."""
    return getattr(error, "orig", None) or error
