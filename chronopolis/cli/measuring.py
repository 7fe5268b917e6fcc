"""`polis measures`: figures of a society over time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output, plain

if TYPE_CHECKING:
    from domain.measures import Measure
    from domain.ports import Run

_WIDTH_MAX, _WIDTH_MIN, _BESIDE = 40, 12, 92  # columns of the picture, and of the figures beside it
_TOLD = ("population", "births", "deaths", "satiety", "hungry", "gini_wealth", "gini_coins", "trades", "price_food",
         "ties", "utterances", "speeches", "thoughts_taken", "thoughts_refused")  # fmt: skip
"""What people see when they name none; with --json they get all."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog=examples(
            "polis measures brave-otter  # the base figures, over the whole run",
            "polis measures brave-otter gini_coins hungry --from 500 --to 900",
            "polis measures brave-otter --tick 1200 --json  # all of them at one tick",
            "polis measures brave-otter trades deaths_so_far --every 100 --json",
            "polis measures brave-otter population gini_coins --every 100 --csv > society.csv",
            "polis measures brave-otter population food hungry --plot famine.png",
            "polis measures --list  # what there is, and what it means",
        )
    )(measures)


def measures(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Name of the run, its id, or the beginning of its name.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Measures; a flow with _so_far is its running total.")
    ] = None,
    tick: Annotated[int | None, typer.Option("--tick", min=0, metavar="T", help="One tick.")] = None,
    first: Annotated[int | None, typer.Option("--from", min=0, metavar="T", help="The first tick.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=0, metavar="T", help="The last tick.")] = None,
    every: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Every N ticks: levels as they are there, flows over the N ticks from it on, or what is left of them.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write a picture, .png or .svg.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a line of names.")] = False,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="Write the series to a Parquet file.")
    ] = None,
    there: Annotated[bool, typer.Option("--list", help="Say what measures there are and what they mean.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Throw away what is kept of this run's own ticks, and make it anew.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show how a society fared, tick by tick: people, needs, wealth, trade, ties, words, thoughts.

    What was computed once is kept beside the run, so that it is read at once the next time. Looking changes nothing.
    """
    import replay
    from chronopolis.errors import WrongUsage
    from chronopolis.measured import plot, stretches_frame, thinned
    from chronopolis.record import require_tick
    from domain.measures import ALIASES, MEASURES, measure_named, with_parts
    from workers.bootstrap import open_store

    output = Output(as_json=as_json, quiet=quiet)
    if there:
        if rebuild or as_csv or (tick, first, last, every, picture, parquet) != (None,) * 6:
            raise WrongUsage("--list only says what measures there are", "Leave the other options out.")
        if run is not None:
            with open_store(say=output.say) as store:
                store.find(run)  # all runs have the same; one that there is not has none
        _list(output, [measure_named(name, MEASURES, ALIASES)[0] for name in names or MEASURES])
        return
    if run is None:
        raise WrongUsage("say which run", "`polis runs` lists them; `polis measures --list` says what is measured.")
    if tick is not None and (first is not None or last is not None or every is not None):
        raise WrongUsage("--tick means one tick, and --from, --to and --every a range", "Give the one or the other.")
    to_a_program = as_json or as_csv or parquet is not None
    if as_json + as_csv + (parquet is not None) > 1:
        raise WrongUsage("--json, --csv and --parquet can't be meant together")
    wanted = list(dict.fromkeys(names or (MEASURES if to_a_program or tick is not None else _TOLD)))
    for name in wanted:
        measure_named(name, MEASURES, ALIASES)  # before a database is opened
    with open_store(say=output.say) as store:
        found = store.find(run)
        low = require_tick(store, found, first or 0 if tick is None else tick)
        high = require_tick(store, found, last if tick is None else tick)
        if low > high:
            raise WrongUsage(f"--from {low} lies after --to {high}")
        with CheckDisplay(output, f"measuring {found.name}") as display:
            if rebuild:
                replay.rebuild_measures(store, found, on_progress=display.update)
            asked = with_parts(wanted, MEASURES, ALIASES)
            amounts = replay.measure_series(store, found, asked, low, high, on_progress=display.update)
    series = {name: amounts[name] for name in wanted}
    if picture is not None:
        plot(wanted, amounts, low, picture, title=f"{found.name}, ticks {low:,} to {high:,}")
        output.say(f"wrote {picture}")
    if as_csv or parquet is not None:
        _write(output, stretches_frame(*thinned(amounts, low, every or 1, series)), parquet)
    elif tick is not None:
        _show_tick(output, found, tick, series)
    else:
        if not names and not as_json:  # what never happened there needs no line
            series = {name: amounts for name, amounts in series.items() if amounts.any()}
        _show_series(output, found, low, every, series, amounts)


def _write(output: Output, frame: Any, parquet: Path | None) -> None:
    """Write a frame as CSV to standard output, or to a Parquet file."""
    if parquet is None:
        sys.stdout.write(frame.write_csv())
        sys.stdout.flush()
        return
    from chronopolis.parquet_file import write_parquet

    output.say(f"{write_parquet([frame], parquet):,} rows written to {parquet}")


def _list(output: Output, wanted: list[Measure]) -> None:
    from domain.measures import ALIASES

    if output.as_json:
        keys = ("name", "unit", "kind", "meaning", "source")
        output.result({
            "measures": [{key: getattr(m, key) for key in keys} for m in wanted], "aliases": ALIASES,
        })  # fmt: skip
        return
    table = _table("measure", "kind", "unit", "meaning")
    for m in wanted:
        table.add_row(m.name, m.kind, m.unit, m.meaning + (f" {m.source}" if m.source else ""))
    output.show(table, "Also: " + ", ".join(f"{name} for {other}" for name, other in ALIASES.items()))
    output.show("A flow's name with _so_far is its running total: deaths_so_far.")


def _show_tick(output: Output, run: Run, tick: int, series: Any) -> None:
    from chronopolis.measured import unit_of, value_of

    values = {name: value_of(name, amounts[0]) for name, amounts in series.items()}
    if output.as_json:
        output.result({"run": run.id, "name": run.name, "tick": tick, "measures": values})
        return
    table = _table("measure", "value>", "unit")
    for name, value in values.items():
        table.add_row(name, _figure(value), unit_of(name))
    output.show(f"{run.name} at tick {tick:,}", table)


def _show_series(output: Output, run: Run, low: int, every: int | None, series: Any, amounts: Any) -> None:
    """Show series; `amounts` has theirs, and those that prices over several ticks are made of."""
    from chronopolis.measured import means_of, measures_frame, sparkline, thinned, unit_of

    high = low + len(next(iter(amounts.values()))) - 1
    ticks, values = thinned(amounts, low, every or 1, series)
    if output.as_json:
        output.result({
            "run": run.id, "name": run.name, "first": low, "last": high, "every": every or 1, "ticks": ticks,
            "units": {name: unit_of(name) for name in values}, "series": values,
        })  # fmt: skip
        return
    if every is not None:
        table = _table("tick>", *(f"{name}>" for name in values))
        for at, tick in enumerate(ticks):
            table.add_row(f"{tick:,}", *(_figure(values[name][at]) for name in values))
        output.show(f"{run.name}, ticks {low:,} to {high:,}", table)
        return
    import numpy as np

    width = max(_WIDTH_MIN, min(_WIDTH_MAX, output.out.width - _BESIDE))
    table = _table("measure", "unit", "first>", "least>", "mean>", "most>", "last>", "over time")
    frame = measures_frame(series, low)
    for name in values:
        column = frame[name].cast(float)
        mean = float(means_of(name, amounts, np.zeros(1, np.int64))[0])
        figures = (column[0], column.min(), None if np.isnan(mean) else mean, column.max(), column[-1])
        table.add_row(name, unit_of(name), *(_figure(f) for f in figures), sparkline(name, amounts, width))
    output.show(f"{run.name}, ticks {low:,} to {high:,}", table)


def _table(*titles: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for title in titles:
        right = title.endswith(">")
        table.add_column(title.rstrip(">"), justify="right" if right else "left", no_wrap=title != "meaning")
    return table


def _figure(value: Any) -> Any:
    if value is None:
        return plain("–")
    if 0 < abs(value) < 0.01:  # three digits that say something: the mean of what is rare is not 0.000
        return plain(f"{value:.3g}")
    whole = float(value).is_integer() or abs(value) >= 10_000
    return plain(f"{value:,.{0 if whole else 3 if abs(value) < 10 else 1}f}")
