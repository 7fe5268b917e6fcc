"""`polis worker`: carry out requests of runs, here or on another host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.garbage import collect_as_usual
from chronopolis.cli.options import AsJson, examples
from chronopolis.cli.output import Output, plain

if TYPE_CHECKING:
    from workers.bootstrap import Settings

_ELSEWHERE = (
    "On another host name them: POLIS_DATABASE_URL, the Postgres that the run writes to, and POLIS_BROKER_URL, "
    "the Redis or Valkey that both hosts reach, there and here. The embedded ones are for one host alone."
)


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis worker  # beside a run of this host, whose broker and database it shares",
            "POLIS_DATABASE_URL=postgresql://… POLIS_BROKER_URL=redis://… polis worker  # on another host",
            "polis worker --queues memory --concurrency 1",
            "polis worker --poison  # messages that no worker could carry out, and why",
        )
    )(worker)


def worker(
    queues: Annotated[
        str, typer.Option(metavar="NAMES", help="Which queues to serve: minds, memory.")
    ] = "minds,memory",
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", min=1, max=256, help="How many requests at a time.")
    ] = 4,
    broker: Annotated[
        str | None, typer.Option(metavar="URL", help="redis://, rediss:// or redis+socket://; else POLIS_BROKER_URL.")
    ] = None,
    poison: Annotated[bool, typer.Option("--poison", help="Show the messages that were set aside, and leave.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="With --poison: forget them after they were shown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Carry out thoughts and projections of runs until Ctrl-C or SIGTERM; what is in hand is finished first."""
    from contextlib import ExitStack
    from dataclasses import replace

    from chronopolis.errors import WrongUsage
    from workers.bootstrap import Settings, join_broker, join_database

    output = Output(as_json=as_json)
    settings = Settings.from_environment()
    if broker:
        settings = replace(settings, broker_url=broker)
    wanted = _queues(queues)
    if clear and not poison:
        raise WrongUsage("--clear goes with --poison", "Say both to see the messages and forget them.")
    if as_json and not poison:
        raise WrongUsage("--json goes with --poison", "A worker has no result: its work is in the runs.")
    with ExitStack() as stack:
        url = join_broker(settings, stack)
        if url is None:
            if poison:
                _show_poison(output, [])
                return
            raise WrongUsage(f"no broker runs in {settings.home}, and POLIS_BROKER_URL is not set",
                             f"Start a run with a mind first: polis run --mind llama. {_ELSEWHERE}")  # fmt: skip
        if poison:
            _poison(output, url, clear=clear)
            return
        if not join_database(settings, stack):
            raise WrongUsage(f"no database runs in {settings.home}, and POLIS_DATABASE_URL is not set", _ELSEWHERE)
        raise typer.Exit(_serve(output, settings, url, wanted, concurrency))


def _queues(text: str) -> list[str]:
    from chronopolis.errors import WrongUsage

    wanted = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(wanted) - {"minds", "memory"})
    if unknown or not wanted:
        raise WrongUsage(f"no queue {', '.join(unknown) or 'named'}", "There are minds and memory.")
    return list(dict.fromkeys(wanted))


def _serve(output: Output, settings: Settings, url: str, queues: list[str], concurrency: int) -> int:
    import os

    from workers.broker import Broker
    from workers.worker_process import serve

    client = Broker(url)
    try:
        client.ping()  # a wrong address is said at once; one that is lost later is waited for
    finally:
        client.close()
    if settings.broker_url is not None:
        os.environ["POLIS_BROKER_URL"] = settings.broker_url

    def ready(name: str) -> None:
        output.say(f"worker {name} takes {concurrency} at a time from {', '.join(queues)}; Ctrl-C ends it")

    collect_as_usual()
    return serve(url, queues, concurrency, on_ready=ready)


def _poison(output: Output, url: str, *, clear: bool) -> None:
    from workers.broker import Broker

    client = Broker(url)
    try:
        entries = client.poison()
        _show_poison(output, entries)
        if clear:
            client.clear_poison()
    finally:
        client.close()


def _show_poison(output: Output, entries: list[dict[str, Any]]) -> None:
    if output.as_json:
        output.result({"count": len(entries), "messages": entries})
        return
    if not entries:
        output.show("nothing was set aside")
        return
    from rich.table import Table

    table = Table(title=f"{len(entries)} messages set aside, the newest first", title_justify="left")
    for column in ("when", "queue", "task", "because", "message"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        shown = (entry["when"], entry["queue"], entry["task"], entry["because"], entry["message"][:200])
        table.add_row(*(plain(text) for text in shown))
    output.show(table)
