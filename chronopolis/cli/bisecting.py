"""`polis bisect`: when something became true, and what made it so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, facts, plain

if TYPE_CHECKING:
    from chronopolis.sentences import Names

Predicate = Annotated[
    str,
    typer.Argument(
        metavar="EXPR",
        help="Over measures, such as 'gini > 0.5'; over agents, 'count(energy < 2) >= 10'; one, 'agent(17).food < 1'.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis bisect brave-otter 'gini > 0.5'",
            "polis bisect brave-otter 'deaths_so_far >= 10' --from 500",
            "polis bisect brave-otter 'not agent(17).alive'  # by seeking: nobody dies twice",
            "polis bisect brave-otter 'count(satiety < 2) > 50 and stock_food < 900' --json",
            "polis bisect brave-otter --sql 'SELECT count(*) > 9 FROM deaths WHERE tick <= :tick' --seek",
        )
    )(bisect)


def bisect(
    run: RunName,
    expression: Predicate,
    first: Annotated[int, typer.Option("--from", min=0, metavar="T", help="The first tick to look at.")] = 0,
    last: Annotated[
        int | None, typer.Option("--to", min=0, metavar="T", help="The last; the newest if left out.")
    ] = None,
    seek: Annotated[
        bool, typer.Option("--seek", help="Take it that once true it stays true: a score of looks will do.")
    ] = False,
    scan: Annotated[bool, typer.Option("--scan", help="Look at every tick, whatever can be known beforehand.")] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="EXPR is one SELECT that gives true or false, and names :tick.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Events that are shown as causes, at most.")] = 10,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=3_600, metavar="S", help="Seconds that one question in SQL may take.")
    ] = 60.0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the first tick at which something is true, and the events of that tick that made it so.

    Leaves with 1 if it never is, or isn't where `--seek` looked. docs/measures.md tells what an expression can say.
    """
    from chronopolis.bisecting import bisect_by_sql
    from chronopolis.cli.refreshing import take_in_a_little
    from chronopolis.errors import WrongUsage
    from chronopolis.naming import names_in
    from chronopolis.record import head_tick
    from domain.expressions import parse
    from replay.bisect import bisect as bisect_run
    from workers.bootstrap import open_analyst, open_store

    if seek and scan:
        raise WrongUsage("--seek looks at few ticks, and --scan at all", "Give the one or the other.")
    wanted = None if sql else parse(expression)  # before a database is opened
    output = Output(as_json=as_json, quiet=quiet)
    with open_store(say=output.say) as store:
        found = store.find(run)
        head_tick(store, found)
        if sql:
            take_in_a_little(store, found, output, [expression])
        with CheckDisplay(output, f"bisecting {found.name}") as display:
            if sql:
                with open_analyst(store, found, timeout_s=timeout) as analyst:
                    answer = bisect_by_sql(
                        store, found, analyst, expression, first=first, last=last, seek=seek, limit=limit,
                        on_progress=display.update,
                    )  # fmt: skip
            else:
                method = "seek" if seek else "scan" if scan else None
                answer = bisect_run(
                    store, found, expression, first=first, last=last, method=method, limit=limit,
                    on_progress=display.update,
                )  # fmt: skip
        names = None if as_json else names_in(store, found, answer.causes)
    values = answer.as_dict() | {"run": found.id, "name": found.name}
    if as_json:
        output.result(values)
    else:
        term = wanted.text_of(wanted.terms[0]) if wanted is not None and len(wanted.terms) == 1 else expression
        output.show(_panel(values, term=term))
        if values["causes"]:
            output.show(_causes(values["causes"], names))
    if values["tick"] is None:
        raise typer.Exit(1)


def _panel(v: dict[str, Any], *, term: str) -> Any:
    """Return what was found; a truth that is not the whole question's with its `term`, which `not` may turn round."""
    how = "by seeking" if v["method"] == "seek" else "by a scan"
    looked = f"{v['looked_at']:,} of ticks {v['first']:,} to {v['last']:,}, {how}"
    if v["tick"] is None:
        rows = {"asked": v["expression"], "true": "never"}
        if not v["settled"]:
            ends = dict.fromkeys((v["first"], v["last"]))
            rows = {"asked": v["expression"], "false": "at " + " and at ".join(f"tick {tick:,}" for tick in ends)}
            rows["between"] = "nothing is known, since --seek takes it that once true it stays true"
        return facts(rows | {"looked at": looked}, title=v["name"], good=False)
    rows = {
        "asked": v["expression"],
        "true at": f"tick {v['tick']:,}" + (", the first that was looked at" if v["already"] else ""),
        "before": _value(v["value_before"], term if term != v["expression"].strip() else ""),
        "then": _value(v["value_after"], term if term != v["expression"].strip() else ""),
        "looked at": looked,
        "go on": f"polis events {v['name']} --tick {v['tick']}",
    }
    if v["causes"]:
        first = v["causes"][0]
        rows["go on"] += f"\npolis why {v['name']} {first['tick']}:{first['ordinal']}"
    return facts(rows, title=v["name"], good=True)


def _value(value: Any, term: str) -> str | None:
    if isinstance(value, bool) and term:
        value = {term: value}
    if isinstance(value, dict):
        return " · ".join(f"{term} {number(v)}" for term, v in value.items())
    return None if value is None else number(value)


def number(value: Any) -> str:
    """Return the value of a term for people: a number, a truth, a word, or that there is none."""
    if value is None:
        return "–"
    return str(value).lower() if isinstance(value, bool | str) else f"{value:,.6g}"


def _causes(causes: list[dict[str, Any]], names: Names | None) -> Any:
    from rich import box
    from rich.table import Table

    from chronopolis.sentences import sentence

    title = "what moved it"
    if causes[0]["term"] is None:  # nobody knows what a query looks at
        title = "events of that tick of the kinds that the question names"
    elif not all(cause.get("weighed", True) for cause in causes):
        title = "events of that tick that can have moved it; they are too many to weigh"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for heading in ("event", "what happened", "moved", "by"):
        table.add_column(
            heading, justify="right" if heading in ("event", "by") else "left", no_wrap=heading != "what happened"
        )
    for cause in causes:
        by = cause["contribution"]
        table.add_row(
            f"{cause['tick']}:{cause['ordinal']}", plain(sentence(cause, names) if names else sentence(cause)),
            plain(cause["term"] or ""), "" if by is None else f"{by:+.6g}",
        )  # fmt: skip
    return table
