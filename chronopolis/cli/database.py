"""`polis db`: the schema, and how other programs get at the database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.options import AsJson, examples
from chronopolis.cli.output import Output, facts

if TYPE_CHECKING:
    from workers.bootstrap import Database, Settings

app = typer.Typer(
    name="db",
    help="The database: its schema, and how other programs get at it.",
    no_args_is_help=True,
    epilog=examples(
        "psql \"$(polis db url)\" -c 'SELECT * FROM heads'",
        "polis db psql -- -c 'SELECT kind, count(*) FROM events GROUP BY 1'",
        "polis db status",
        "polis db stop  # once no program needs the embedded database any more",
    ),
)


class Role(StrEnum):
    """Who a URL logs in as."""

    READ = "read"
    APP = "app"
    OWNER = "owner"


_USERS = {Role.READ: "polis_read", Role.APP: "polis_app", Role.OWNER: "postgres"}

WhichRole = Annotated[
    Role, typer.Option("--role", help="read: only looks; app: appends history; owner: may do anything.")
]
IdleMinutes = Annotated[
    float,
    typer.Option("--idle", min=0, metavar="MINUTES", help="Leave when nobody was connected for so long; 0: never."),
]


@app.command(epilog=examples("polis db upgrade"))
def upgrade(as_json: AsJson = False) -> None:
    """Bring the schema to this release: all of it or nothing."""
    from workers.bootstrap import db_status, db_upgrade, open_database

    output = Output(as_json=as_json)
    with open_database(say=output.say) as database:
        before, after = db_status(database), db_upgrade(database)
    values = {"before": before.current, "current": after.current, "wanted": after.wanted}
    if as_json:
        output.result(values)
    elif before.current == after.current:
        output.show(f"the schema is {after.current} already")
    else:
        output.show(f"the schema is {after.current} now; it was {before.current or 'empty'}")


@app.command(epilog=examples("polis db downgrade --yes"))
def downgrade(
    yes: Annotated[bool, typer.Option("--yes", help="Really do it.")] = False, as_json: AsJson = False
) -> None:
    """Take the schema away. Refused while it holds a run: history can't be made again."""
    from chronopolis.errors import WrongUsage
    from workers.bootstrap import db_downgrade, db_status, open_database

    if not yes:
        raise WrongUsage("this takes the whole schema away", "Say --yes to do it.")
    output = Output(as_json=as_json)
    with open_database(say=output.say) as database:
        before, after = db_status(database), db_downgrade(database)
    if as_json:
        output.result({"before": before.current, "current": after.current, "wanted": after.wanted})
    else:
        output.show(f"the schema {before.current or '(none)'} is gone")


@app.command(epilog=examples("polis db status --json"))
def status(as_json: AsJson = False) -> None:
    """Show where the database is and whether its schema is that of this release; exit code 3 if not."""
    from workers.bootstrap import Settings, db_status, open_database

    output = Output(as_json=as_json)
    settings = Settings.from_environment()
    with open_database(settings, say=output.say) as database:
        schema = db_status(database)
        values = _where(settings, database) | {
            "schema": schema.current, "wanted": schema.wanted, "is_current": schema.is_current,
        }  # fmt: skip
    if as_json:
        output.result(values)
    else:
        output.show(_status_panel(values))
    if not schema.is_current:
        output.warn(
            "a later release made this schema: use that one, or a later"
            if schema.is_later
            else "`polis db upgrade` brings the schema to this release"
        )
        raise typer.Exit(3)


def _where(settings: Settings, database: Database) -> dict[str, Any]:
    from chronopolis.hold import find_holder
    from workers.bootstrap import without_password

    with database.connect_as_owner() as connection:
        version, size = connection.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database())::int8"
        ).fetchone() or ("", 0)
    holder = find_holder(settings.home) if database.embedded is not None else None
    return {
        "embedded": database.embedded is not None,
        "home": str(settings.home) if database.embedded is not None else None,
        "url": without_password(database.public_url("polis_read")),
        "server": version.split()[0],
        "size_bytes": size,
        "holder": None if holder is None else {"pid": holder.pid, "idle_minutes": holder.idle_minutes},
    }


def _status_panel(v: dict[str, Any]) -> Any:
    from chronopolis.cli.output import mebibytes

    holder = v["holder"]
    rows = {
        "database": "embedded" if v["embedded"] else "your own, by POLIS_DATABASE_URL",
        "folder": v["home"],
        "url": v["url"],
        "server": f"Postgres {v['server']}",
        "size": mebibytes(v["size_bytes"]),
        "kept up": f"by process {holder['pid']}" if holder else "only while a polis runs" if v["embedded"] else None,
        "schema": f"{v['schema'] or 'none'}; this release has {v['wanted']}",
    }
    return facts(rows, title="database", good=v["is_current"])


# -- for other programs --------------------------------------------------------------------------------


@app.command(
    epilog=examples(
        'psql "$(polis db url)"', "polis db url --role app", "polis db stop  # ends the process that keeps it up"
    )
)
def url(role: WhichRole = Role.READ, idle_minutes: IdleMinutes = 60.0, as_json: AsJson = False) -> None:
    """Print a URL that psql and any client can use.

    The embedded database is kept up for it by a small process in the background, until nobody was
    connected for an hour, or until `polis db stop`. The URL holds a password; show it to nobody.
    """
    from chronopolis.hold import start_holder
    from workers.bootstrap import Settings, open_store

    output = Output(as_json=as_json)
    settings = Settings.from_environment()
    # A store, not the bare database: a client should find the tables.
    with open_store(settings, say=output.say) as store:
        database = store.database
        if database.embedded is not None:
            holder, fresh = start_holder(settings.home, idle_minutes=idle_minutes)
            if fresh:
                output.say(_kept_up(holder.pid, holder.idle_minutes))
        address = database.url_for_others(_USERS[role])
    if as_json:
        output.result({"url": address, "role": role.value, "embedded": settings.database_url is None})
    else:
        print(address)


def _kept_up(pid: int, idle_minutes: float) -> str:
    until = (
        f"until nobody was connected for {idle_minutes:g} minutes, or `polis db stop`"
        if idle_minutes
        else "until `polis db stop`"
    )
    return f"process {pid} keeps the database up {until}"


@app.command(epilog=examples("polis db start", "polis db start --idle 0  # until polis db stop"))
def start(idle_minutes: IdleMinutes = 60.0, as_json: AsJson = False) -> None:
    """Keep the embedded database up in the background."""
    from chronopolis.hold import start_holder
    from workers.bootstrap import open_store

    output = Output(as_json=as_json)
    settings = _embedded_settings()
    with open_store(settings, say=output.say):
        holder, fresh = start_holder(settings.home, idle_minutes=idle_minutes)
    if as_json:
        output.result({"pid": holder.pid, "idle_minutes": holder.idle_minutes, "started": fresh})
    else:
        output.show(_kept_up(holder.pid, holder.idle_minutes))


@app.command(epilog=examples("polis db stop"))
def stop(as_json: AsJson = False) -> None:
    """End the process that keeps the embedded database up; whoever else uses it keeps it."""
    from chronopolis.hold import stop_holder

    output = Output(as_json=as_json)
    found = stop_holder(_embedded_settings().home)
    if as_json:
        output.result({"stopped": found is not None, "pid": None if found is None else found.pid})
    elif found is None:
        output.show("no process keeps the database up")
    else:
        output.show(f"process {found.pid} has left; the database stops when the last polis does")


@app.command(epilog=examples("polis db hold", "polis db hold --detach  # the same as polis db start"))
def hold(
    detach: Annotated[bool, typer.Option("--detach", help="In the background.")] = False,
    idle_minutes: IdleMinutes = 0.0,
    as_json: AsJson = False,
) -> None:
    """Keep the embedded database up until Ctrl-C."""
    from chronopolis import hold as holding
    from workers.bootstrap import open_store

    if detach:
        start(idle_minutes, as_json)
        return
    output = Output(as_json=as_json)
    settings = _embedded_settings()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: ended.set())
    began = time.monotonic()
    with (
        open_store(settings, say=output.say) as store,
        holding.announced(settings.home, idle_minutes=idle_minutes) as mine,
    ):
        output.say("the database is up; Ctrl-C lets it go" + ("" if mine else " (another process holds it too)"))
        why = holding.hold(store.database, idle_minutes=idle_minutes, stop=ended)
    if as_json:
        output.result({"held_s": round(time.monotonic() - began, 1), "why": why})
    else:
        output.say(f"left: {why}")


def _embedded_settings() -> Settings:
    from chronopolis.errors import WrongUsage
    from workers.bootstrap import Settings

    settings = Settings.from_environment()
    if settings.database_url is not None:
        raise WrongUsage(
            "POLIS_DATABASE_URL names a database of your own, which is not ours to start or stop",
            "Unset it to use the embedded one.",
        )
    return settings


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=examples(
        "polis db psql",
        "polis db psql -- -c 'SELECT * FROM heads'",
        "polis db psql -- --csv -c 'SELECT * FROM trades LIMIT 10'",
    ),
)
def psql(context: typer.Context, role: WhichRole = Role.READ) -> None:
    """Run psql on the database, reading only; what follows -- goes to psql."""
    from chronopolis.errors import NoSuchHost
    from workers.bootstrap import open_database, psql_path

    program = psql_path()
    if program is None:
        raise NoSuchHost("there is no psql here", "Install it (Debian: postgresql-client).")
    output = Output()
    # Whatever its schema: looking is how one finds out what is wrong with it.
    with open_database(say=output.say) as database:
        arguments, environment = _psql_login(database, role)
        # Ctrl-C is for psql, which ends a query with it, and not for us who wait for it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            ended = subprocess.run(
                [program, *arguments, *context.args], env=environment, check=False,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(ended.returncode)


def _psql_login(database: Database, role: Role) -> tuple[list[str], dict[str, str]]:
    """Return arguments and environment; a password never stands among the arguments, where all can see it."""
    from workers.bootstrap import password_apart

    environment = dict(os.environ)
    if shutil.which("less") is None:
        environment.setdefault("PSQL_PAGER", "")
    address, password = password_apart(database.public_url(_USERS[role]))
    if database.embedded is None:
        settings = "" if role is Role.OWNER else f"-c role={_USERS[role]} -c search_path=polis,public"
        environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {settings}".strip()
    if password is not None:
        environment["PGPASSWORD"] = password
    return ["--dbname", address], environment
