"""The branch of errors that come from outside: servers, disks, networks.

::

    PolisError
    └── InfrastructureError
        ├── DatabaseUnreachable       the database named by a URL does not answer, or refuses us
        │   └── PoolerInBetween       what answers is a pooler, which keeps from the server what a session begins with
        ├── LoginMayNot               the login of a URL may not put on a role that it needs
        │   └── LoginOnlyReads        that of the application, without which nothing is written
        ├── TakesNoWrites             the database answers and only reads for now; a StoreUnavailable, too
        ├── FilesDamaged              the database's own files are not as it wrote them
        ├── NoConnectionLeft          the database has no room for another session for now; a StoreUnavailable, too
        ├── EmbeddedServerFailed      a server of our own can't be made, started, reached or stopped
        │   ├── EmbeddedPostgresFailed
        │   ├── EmbeddedValkeyFailed
        │   └── EmbeddedChromaFailed
        ├── DataFolderUnusable        unwritable, another owner, full disk, other major version
        ├── DatabaseTooOld            a Postgres before 15
        ├── SchemaTooOld              the schema needs `polis db upgrade`
        ├── SchemaTooNew              the schema is that of a later release
        ├── TakeOverRefused           the database does not let us end the session that holds a run
        ├── DropRefused               a run that could not be dropped
        │   └── ReadByFork            since a fork reads it
        ├── SessionEnded              somebody ended our session, or the server stops
        ├── MigrationFailed           a migration was refused; the schema is as it was
        ├── ModelNotFound             weights that are not here, or not what they should be
        ├── AdapterUnusable           a LoRA adapter that is not here, is damaged, or does not fit its base model
        ├── BadQuery                  SQL that the database does not take, or that would do more than read
        ├── QueryTimedOut             a query that was stopped because its time was up
        ├── ExportFailed              an export that could not be finished
        │   └── ExportRefused         a folder that has something else in it
        ├── BackupFailed              a dump that could not be written, or not be restored
        │   └── BackupRefused         since the file, or the database, is not as it has to be for that
        ├── EngineServerFailed        a model server of ours can't be started or reached
        └── EnvironmentNotMade        an environment that a `polis` command has to make first, or could not
"""

from __future__ import annotations

import re
from pathlib import Path

from domain.errors import PolisError, StoreUnavailable
from infrastructure.passwords import said_without_password, without_password


class InfrastructureError(PolisError):
    """Something outside the program is not as it has to be."""


class DatabaseUnreachable(InfrastructureError):
    """The database does not answer, or refuses us.

    Parameters
    ----------
    url : str
        Its password is struck out before it is kept, so the error may be logged.
    because : str
        What the driver said; it may quote the URL, so the password is struck out of it too.
    """

    def __init__(self, url: str, because: str) -> None:
        url, because = without_password(url), said_without_password(because, url)
        super().__init__(url, because)
        self.url, self.because = url, because

    def __str__(self) -> str:
        scheme = re.match(r"([^:/\s]*)://", self.url)
        if scheme is not None and scheme[1] not in ("postgresql", "postgres"):
            return (
                f"the database {self.url} can't be reached: {scheme[1]}:// is no scheme that it knows\n"
                "Write postgresql://… in POLIS_DATABASE_URL, or unset it to use the embedded one."
            )
        return (
            f"the database {self.url} can't be reached: {self.because}\n"
            "Check that it runs and that POLIS_DATABASE_URL is right, or unset it to use the embedded one."
        )


class PoolerInBetween(DatabaseUnreachable):
    """A pooler answers for the database, and keeps from it what a session of ours begins with: its role among it."""

    def __str__(self) -> str:
        return (
            f"{self.url} leads to a pooler, such as PgBouncer, and not to the database itself: {self.because}\n"
            "Name the Postgres behind it in POLIS_DATABASE_URL: polis keeps a few sessions, with a role, settings and "
            "locks of their own."
        )


class LoginMayNot(InfrastructureError):
    """The login of a URL may not put on a role that it needs."""

    def __init__(self, url: str, role: str) -> None:
        url = without_password(url)
        super().__init__(url, role)
        self.url, self.role = url, role

    def __str__(self) -> str:
        return (
            f"the login of {self.url} may not work as {self.role}\nWhoever administers it can: GRANT {self.role} TO it."
        )


class LoginOnlyReads(LoginMayNot):
    """The login of a URL may not work as `polis_app`, as all that opens a store does."""

    def __init__(self, url: str) -> None:
        url = without_password(url)
        InfrastructureError.__init__(self, url)
        self.url, self.role = url, "polis_app"

    def __str__(self) -> str:
        return (
            f"the login of {self.url} may not work as polis_app, as polis does\n"
            "Take the URL that `polis db url --role app` prints without POLIS_DATABASE_URL, or GRANT polis_app to it."
        )


class TakesNoWrites(InfrastructureError, StoreUnavailable):
    """The database answers, and only reads for now; who writes waits for it as for one that is away."""

    def __str__(self) -> str:
        return (
            f"the database takes no writes: {self.because}\n"
            "It is a standby, or whoever administers it has set default_transaction_read_only, as some do when a disk "
            "is full."
        )


class FilesDamaged(InfrastructureError):
    """The database's own files are not as it wrote them, as its checksums show; other runs may be whole."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return (
            f"the files of the database are damaged: {self.because}\n"
            "`polis verify RUN` tells which runs are whole. Restore an earlier dump into a new home; or drop the runs "
            "that can't be read, and dump the others."
        )


class NoConnectionLeft(InfrastructureError, StoreUnavailable):
    """The database answers, and has no room for another session; who writes waits for it as for one that is away."""

    def __str__(self) -> str:
        return (
            f"the database has no connection left for us: {self.because}\n"
            "Others hold them all, such as notebooks or psql: end some, or find them with `polis db psql --role owner "
            "-- -c 'SELECT pid, usename, application_name, state_change FROM pg_stat_activity'`."
        )


class BadQuery(InfrastructureError):
    """The database does not take this query, or it would do more than read.

    Parameters
    ----------
    because : what is wrong
    query : the text
    position : of the character that is not understood, from 1; None if the database did not say
    hint : what it proposes
    """

    def __init__(self, because: str, query: str = "", position: int | None = None, hint: str = "") -> None:
        super().__init__(because, query, position, hint)
        self.because, self.query, self.position, self.hint = because, query, position, hint

    def __str__(self) -> str:
        said = self.because
        if self.position is not None:
            before = self.query[: self.position - 1]
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            said += f", at position {self.position} (line {line}, column {column})"
        return f"{said}; {self.hint[0].lower()}{self.hint[1:]}" if self.hint else said


class QueryTimedOut(InfrastructureError):
    """A query was stopped because its time was up; nothing was changed by it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        longer = "give it longer with --timeout (timeout_s in Python)"
        return f"the query was stopped after {self.seconds:g} s; {longer}, or ask for less"


class SessionEnded(InfrastructureError):
    """The server ended the session of a query: somebody who may told it to, or it stops; nothing was changed."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return (
            f"the database ended this session: {self.said}\n"
            "Somebody who administers it did that, or it is being stopped. Ask again; history is untouched."
        )


class TakeOverRefused(InfrastructureError):
    """The session that holds a run may not be ended by us, so the run was not taken over."""

    def __init__(self, run: str, holder: str, pid: int) -> None:
        super().__init__(run, holder, pid)
        self.run, self.holder, self.pid = run, holder, pid

    def __str__(self) -> str:
        return (
            f"run {self.run} is held by {self.holder}, and the database does not let us end that\n"
            f"Whoever administers it can: SELECT pg_terminate_backend({self.pid})"
        )


class DropRefused(InfrastructureError):
    """A run could not be dropped; all of it is still there."""

    def __init__(self, run: str, because: str, hint: str) -> None:
        super().__init__(run, because, hint)
        self.run, self.because, self.hint = run, because, hint

    def __str__(self) -> str:
        return f"run {self.run} was not dropped: {self.because}\n{self.hint}"


class ReadByFork(DropRefused):
    """Forks of a run read its history, so it can't be dropped."""

    def __init__(self, run: str, forks: tuple[str, ...]) -> None:
        InfrastructureError.__init__(self, run, forks)
        self.run, self.forks = run, forks

    def __str__(self) -> str:
        some = ", ".join(self.forks[:5]) + (f" and {len(self.forks) - 5} more" if len(self.forks) > 5 else "")
        if len(self.forks) == 1:
            return f"run {self.run} was not dropped: its fork {some} reads its history\nDrop that first."
        return f"run {self.run} was not dropped: its forks {some} read its history\nDrop those first."


class ExportFailed(InfrastructureError):
    """An export could not be finished; what was there is as it was, and nothing half made is left."""

    def __init__(self, folder: Path, because: str, hint: str = "") -> None:
        super().__init__(folder, because, hint)
        self.folder, self.because, self.hint = folder, because, hint

    def __str__(self) -> str:
        return f"{self.folder}: {self.because}" + (f"\n{self.hint}" if self.hint else "")


class ExportRefused(ExportFailed):
    """There is something in the folder that an export would do away with."""


class BackupFailed(InfrastructureError):
    """A dump could not be written or restored; file and database are as they were, unless it says otherwise.

    Parameters
    ----------
    what : Path or str
        The file, or what else it is about: the beginning of a sentence that `because` goes on with.
    because : str
    hint : str
        What to do, as sentences.
    """

    def __init__(self, what: Path | str, because: str, hint: str = "") -> None:
        super().__init__(what, because, hint)
        self.what, self.because, self.hint = what, because, hint

    def __str__(self) -> str:
        said = f"{self.what}: {self.because}" if isinstance(self.what, Path) else f"{self.what} {self.because}"
        return f"{said}\n{self.hint}" if self.hint else said


class BackupRefused(BackupFailed):
    """The file is no dump, or would be overwritten; or the database has histories, or none."""


class ArchiveRefused(BackupRefused):
    """A file is no archive of runs, or none that this database can take in; nothing of it was, unless it says so."""


class EmbeddedServerFailed(InfrastructureError):
    """An embedded server could not do what was asked.

    Parameters
    ----------
    action : str
        What was tried, as it follows "could not".
    log : Path
        The file to read.
    detail : str
        The last lines of that file, or what the command printed.
    """

    title = "server"
    instead = "use another"

    def __init__(self, action: str, log: Path, detail: str) -> None:
        super().__init__(action, log, detail)
        self.action, self.log, self.detail = action, log, detail

    def __str__(self) -> str:
        lines = "\n".join(f"    {line}" for line in self.detail.strip().splitlines()) or "    (nothing)"
        return (
            f"the embedded {self.title} could not {self.action}:\n{lines}\n"
            f"Its log is {self.log}. Put right what it says and try again, or {self.instead}."
        )


class EmbeddedPostgresFailed(EmbeddedServerFailed):
    """The embedded Postgres could not do what was asked."""

    title = "Postgres"
    instead = "name a Postgres of your own in POLIS_DATABASE_URL"


class EmbeddedValkeyFailed(EmbeddedServerFailed):
    """The embedded Valkey could not do what was asked; no request is lost, since all that is owed is in Postgres."""

    title = "Valkey"
    instead = "name a Redis or Valkey of your own in POLIS_BROKER_URL"


class EmbeddedChromaFailed(EmbeddedServerFailed):
    """The embedded Chroma could not do what was asked; no memory is lost, since all of them are events."""

    title = "Chroma"
    instead = "name a Chroma of your own in POLIS_CHROMA_URL"


class DataFolderUnusable(InfrastructureError):
    """A folder can't be used, and only a person can change that.

    Parameters
    ----------
    folder : Path
    because : str
        What is wrong with it.
    remedy : str
        What to do, as a sentence.
    """

    def __init__(self, folder: Path, because: str, remedy: str) -> None:
        super().__init__(folder, because, remedy)
        self.folder, self.because, self.remedy = folder, because, remedy

    def __str__(self) -> str:
        return f"{self.folder} can't be used: {self.because}. {self.remedy}"


class DatabaseTooOld(InfrastructureError):
    """The server is of a version that we don't use."""

    def __init__(self, url: str, version: int) -> None:
        url = without_password(url)
        super().__init__(url, version)
        self.url, self.version = url, version

    def __str__(self) -> str:
        return f"{self.url} is Postgres {self.version // 10_000}; version 15 or later is needed"


class SchemaTooOld(InfrastructureError):
    """The schema is that of an earlier release, or there is none."""

    def __init__(self, current: str | None, wanted: str) -> None:
        super().__init__(current, wanted)
        self.current, self.wanted = current, wanted

    def __str__(self) -> str:
        have = "has no schema yet" if self.current is None else f"has schema {self.current}"
        return f"the database {have}, this release needs {self.wanted}; run `polis db upgrade`"


class SchemaTooNew(InfrastructureError):
    """The schema of a database, or of a dump, is that of a later release."""

    def __init__(self, current: str | None, wanted: str, what: str = "the database") -> None:
        super().__init__(current, wanted, what)
        self.current, self.wanted, self.what = current, wanted, what

    def __str__(self) -> str:
        return (
            f"{self.what} has schema {self.current}, which this release ({self.wanted}) does not know; "
            "use the release that made it, or a later one"
        )


class MigrationFailed(InfrastructureError):
    """A migration could not be run; the schema is as it was."""

    def __init__(self, direction: str, because: str) -> None:
        super().__init__(direction, because)
        self.direction, self.because = direction, because

    def __str__(self) -> str:
        return f"the {self.direction} was refused and nothing was changed: {self.because}"


class ModelNotFound(InfrastructureError):
    """Weights are not here, or not what they should be."""

    def __init__(self, model: str, because: str) -> None:
        super().__init__(model, because)
        self.model, self.because = model, because

    def __str__(self) -> str:
        return f"model {self.model!r} can't be used: {self.because}"


class AdapterUnusable(InfrastructureError):
    """A LoRA adapter is not here, is damaged, or does not fit the model that it is for."""

    def __init__(self, adapter: str, because: str) -> None:
        super().__init__(adapter, because)
        self.adapter, self.because = adapter, because

    def __str__(self) -> str:
        return f"adapter {self.adapter!r} can't be used: {self.because}"


class EngineServerFailed(InfrastructureError):
    """A model server of ours could not do what was asked.

    Parameters
    ----------
    engine : str
        Which one, such as ``llama``.
    action : str
        What was tried, as it follows "could not".
    log : Path
        The file to read.
    detail : str
        The last lines of that file, or what else is known.
    """

    def __init__(self, engine: str, action: str, log: Path, detail: str) -> None:
        super().__init__(engine, action, log, detail)
        self.engine, self.action, self.log, self.detail = engine, action, log, detail

    def __str__(self) -> str:
        lines = "\n".join(f"    {line}" for line in self.detail.strip().splitlines()) or "    (nothing)"
        return f"the {self.engine} server could not {self.action}:\n{lines}\nIts log is {self.log}."


class EnvironmentNotMade(InfrastructureError):
    """An environment that a `polis` command makes is not there, or could not be made."""

    def __init__(self, name: str, because: str, remedy: str) -> None:
        super().__init__(name, because, remedy)
        self.name, self.because, self.remedy = name, because, remedy

    def __str__(self) -> str:
        return f"the environment of {self.name} is not ready: {self.because}\n{self.remedy}"
