"""`polis survey`: one question to many agents."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.errors import CHECK_FAILED
from chronopolis.cli.live import ProgressDisplay
from chronopolis.cli.options import AsJson, Quiet, RunName, examples
from chronopolis.cli.output import Output, plain
from chronopolis.cli.survey_tables import by_group, by_wave, counts, two_decimals, words
from chronopolis.errors import WrongUsage

if TYPE_CHECKING:
    import polars as pl

    from chronopolis.survey import Tally
    from chronopolis.waves import Wave
    from domain.ports import Run
    from workers.minds.survey import Question


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis survey brave-otter 'Do you trust your neighbours?' --choice yes --choice no --choice 'hard to say'",
            "polis survey brave-otter 'How content are you?' --scale 1-7 --tick 900 --by occupation",
            "polis survey brave-otter 'How content are you?' --scale 1-7 --by coin --plot content.png",
            "polis survey brave-otter 'How content are you?' --scale 1-7 --every 200 --sample 30  # how it changes",
            "polis survey brave-otter 'What do you fear?' --sample 20  # in their own words",
            "polis survey brave-otter 'Is bread dear?' --choice yes --choice no --draws 5  # and how far they agree",
            "polis survey brave-otter 'Is bread dear?' --choice yes --choice no --reasons --csv > bread.csv",
        )
    )(survey)


def survey(
    run: RunName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to ask.")],
    tick: Annotated[
        list[int] | None,
        typer.Option("--tick", min=0, metavar="T", help="As of which tick, may be repeated; the newest if left out."),
    ] = None,
    first: Annotated[int | None, typer.Option("--from", min=0, metavar="T", help="The first tick of --every.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=0, metavar="T", help="The last tick of --every.")] = None,
    every: Annotated[int | None, typer.Option(min=1, metavar="N", help="As of every N-th tick, from 0 on.")] = None,
    choices: Annotated[
        list[str] | None,
        typer.Option("--choice", metavar="C", help="What may be answered; at least two, or none: any words."),
    ] = None,
    scale: Annotated[
        str | None, typer.Option(metavar="A-B", help="Numbers to choose from, such as 1-7, instead of choices.")
    ] = None,
    keep_order: Annotated[
        bool, typer.Option("--keep-order", help="List choices alike to all, not to each in an order of its own.")
    ] = False,
    reasons: Annotated[bool, typer.Option("--reasons", help="Ask for a reason, too: it takes longer.")] = False,
    agents: Annotated[
        list[str] | None,
        typer.Option("--agent", metavar="A", help="Id or name of one to ask, may be repeated; all if left out."),
    ] = None,
    occupation: Annotated[str | None, typer.Option(metavar="O", help="Ask only them, such as farmer.")] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Ask so many, drawn by chance: at every tick the same, but for deaths and births."
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option(metavar="K", help="Ask each K times: tells how far agents agree with themselves.")
    ] = 1,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Compare groups, by a column of agents: occupation, or coin (in quarters).",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write a picture of the answers, .png or .svg.")
    ] = None,
    mind: Annotated[str | None, typer.Option(help="Another engine than the run's own.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a line of names: a line an answer.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Ask many agents the same, as of any past tick. The run is only read: nothing of it changes.

    Each answers with the persona, state and memories of that tick. Whoever gives no answer is counted, and told of.
    """
    from chronopolis.panels import require_picture
    from chronopolis.survey import frame_of, require_draws, took_first
    from chronopolis.survey_picture import draw_tallies, draw_waves
    from chronopolis.waves import tallies_of, waves_of
    from workers.bootstrap import open_store
    from workers.minds.survey import question_of

    output = Output(as_json=as_json, quiet=quiet)
    if as_json and as_csv:
        raise WrongUsage("--json and --csv can't be meant together")
    question = question_of(text, choices=choices or (), scale=scale, keeps_order=keep_order, reasons=reasons)
    if not question.choices and (by is not None or picture is not None):
        raise WrongUsage("--by and --plot count answers", "Give choices or a scale to choose from.")
    require_draws(draws)
    if picture is not None:
        require_picture(picture)
    began = time.monotonic()
    with open_store(say=output.say) as store:
        found = store.find(run)
        ticks = _ticks(store, found, tick or (), first, last, every)
        waves = waves_of(store, found, ticks, agents=agents or (), sample=sample, occupation=occupation, by=by)
        replies, stopped = _asked(output, store, found, waves, question, draws=draws, mind=mind)
    frame = frame_of(replies)
    counted = tallies_of(frame, question, waves) if question.choices else []
    told = _told(found, waves, question, frame, counted, draws=draws, mind=mind)
    told |= {"took_first": took_first(frame), "nobody_at": sorted({*ticks} - {wave.tick for wave in waves})}
    told |= {"draws": draws, "by": by, "seconds": round(time.monotonic() - began, 1)}
    if as_csv:
        sys.stdout.write(_flat(frame).write_csv())
        output.hand_on()
    elif as_json:
        output.result(told | {"answers": frame.to_dicts()})
    else:
        _show(output, told, frame, counted)
    _warn(output, told)
    # Afterwards: it may take an hour to be answered, and a disk can be full by then.
    if picture is not None and any(tally.answered for tally in counted):
        draw = draw_tallies if len(waves) == 1 else draw_waves
        begun = sorted({tally.tick for tally in counted})
        draw(counted, picture, title=f"{question.text} ({found.name}, {_when(begun)})")
        output.say(f"wrote {picture}")
    if stopped is not None:
        output.warn(f"{len(frame):,} of {told['asked']:,} were asked before it ended")
        raise stopped
    if not told["answered"]:
        raise typer.Exit(CHECK_FAILED)


def _asked(
    output: Output, store: Any, run: Run, waves: list[Wave], question: Question, *, draws: int, mind: str | None
) -> tuple[list[dict[str, Any]], BaseException | None]:
    """Return what everybody said, and what ended it before that, as Ctrl-C does, if it did after the first answer."""
    from chronopolis.waves import answers_of

    replies: list[dict[str, Any]] = []
    try:
        with (
            SurveyDisplay(output, f"asking {run.name}") as display,
            closing(answers_of(store, run, waves, question, draws=draws, mind=mind, say=output.say)) as answers,
        ):
            for reply in answers:
                replies.append(reply)
                display.update(len(replies), _wanted(waves, draws))
    except BaseException as error:
        if not replies:
            raise
        return replies, error
    return replies, None


def _wanted(waves: list[Wave], draws: int) -> int:
    """Return how many answers are asked for."""
    return draws * sum(len(wave.agents) for wave in waves)


class SurveyDisplay(ProgressDisplay):
    """Shows how many have answered."""

    def amounts(self) -> tuple[Any, ...]:
        """Return the columns that tell how much is done."""
        from rich.progress import MofNCompleteColumn, TextColumn

        return MofNCompleteColumn(), TextColumn("answers")

    def update(self, done: int, of: int) -> None:
        """Show that so many answers have come."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=of)
        elif self.is_time():
            self.output.say(f"{self.doing}: {done:,} of {of:,} answers")


def _told(
    run: Run,
    waves: list[Wave],
    question: Question,
    frame: pl.DataFrame,
    counted: list[Tally],
    *,
    draws: int,
    mind: str | None,
) -> dict[str, Any]:
    asked, problems = _wanted(waves, draws), frame["problem"].drop_nulls()
    engines = frame["engine"].drop_nulls().unique(maintain_order=True).to_list()
    return {
        "run": run.id,
        "name": run.name,
        "tick": waves[-1].tick,
        "ticks": [wave.tick for wave in waves],
        "question": question.text,
        "choices": list(question.choices),
        "mind": mind or run.configuration.mind,
        "engine": engines[0] if engines else None,
        "asked": asked,
        "answered": len(frame) - len(problems),
        "unanswered": len(problems),
        "problem": problems[0] if len(problems) else None,
        "complete": len(frame) == asked,
        "tallies": [tally.as_dict() for tally in counted],
        "tokens": {"in": int(frame["tokens_in"].sum()), "out": int(frame["tokens_out"].sum())},
    }


def _ticks(
    store: Any, run: Run, named: Sequence[int], first: int | None, last: int | None, every: int | None
) -> list[int]:
    """Return the ticks that are meant, ascending.

    Raises
    ------
    WrongUsage, BeyondHead, NoTicksYet
    """
    from chronopolis.record import require_tick

    if named and (first is not None or last is not None or every is not None):
        raise WrongUsage("--tick names ticks, and --from, --to and --every a range", "Give the one or the other.")
    if every is None:
        if first is not None or last is not None:
            raise WrongUsage("--from and --to need --every", "Say how many ticks lie between two waves.")
        return sorted({require_tick(store, run, each) for each in named or (None,)})
    low, high = require_tick(store, run, first or 0), require_tick(store, run, last)
    if low > high:
        raise WrongUsage(f"--from {low} lies after --to {high}")
    return list(range(low, high + 1, every))


def _when(ticks: Sequence[int]) -> str:
    return f"tick {ticks[0]:,}" if len(ticks) == 1 else f"{len(ticks)} ticks, {ticks[0]:,} to {ticks[-1]:,}"


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return frame.drop("prompt").with_columns(pl.col("memories").list.join(" "))


# -- for people --------------------------------------------------------------------------------------


def _warn(output: Output, told: dict[str, Any]) -> None:
    """Say who gave no answer, and when nobody lives who is meant."""
    if told["unanswered"]:
        so_far = told["answered"] + told["unanswered"]
        output.warn(f"{told['unanswered']:,} of {so_far:,} gave no answer; the first: {told['problem']}")
    if without := told["nobody_at"]:
        where = f"tick {without[0]:,}" if len(without) == 1 else f"{len(without):,} ticks, the first {without[0]:,}"
        output.warn(f"nobody who is meant lives at {where}: not asked there")


def _show(output: Output, told: dict[str, Any], frame: pl.DataFrame, counted: list[Tally]) -> None:
    who = told["engine"] or told["mind"]
    output.show(plain(f"{told['name']} · {_when(told['ticks'])} · {who}: {told['question']}"))
    width = output.out.width
    if not counted:
        output.show(words(frame, width=width))
    elif len(told["ticks"]) > 1:
        output.show(by_wave(told["by"], counted, width=width))
    else:
        output.show(counts(counted[0], of="agents" if told["draws"] == 1 else "answers", width=width))
        if len(counted) > 1:
            output.show(by_group(told["by"], counted[1:], width=width))
    if counted and frame["because"].drop_nulls().len():
        output.show(words(frame, width=width))
    rest = f", {told['unanswered']:,} gave no answer" if told["unanswered"] else ""
    times = "" if told["draws"] == 1 else f", each agent {told['draws']} times"
    output.show(plain(f"{told['answered']:,} of {told['asked']:,} answered{times}{rest}"))
    if len(told["ticks"]) == 1 and counted and counted[0].agreement is not None:
        alpha = two_decimals(counted[0].agreement)
        output.show(plain(f"agreement with themselves {alpha} (Krippendorff's alpha; 0 is chance)"))
    if told["took_first"] is not None:
        chance = told["answered"] / len(told["choices"])
        output.show(plain(f"{told['took_first']:,} took what was listed to them first; by chance {chance:,.0f} would"))
    spent = told["tokens"]
    output.show(plain(f"took {told['seconds']:,} s, {spent['in']:,} tokens in, {spent['out']:,} out"))
