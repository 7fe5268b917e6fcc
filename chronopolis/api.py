"""The Python API that notebooks use; `chronopolis.open` is its door.

A `History` holds a share in the database until it is closed. It only reads, unless it is told to `fork` or
`resume`; frames are copies, so nothing that is done to them reaches the run.
"""

from __future__ import annotations

import atexit
import warnings
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, cast

import polars as pl

import replay
from chronopolis import causes, record
from chronopolis.asking import answer_of
from chronopolis.errors import RunClosed, WrongUsage
from chronopolis.forking import intervene, make_fork
from chronopolis.given import (
    address,
    folder_named,
    mapping,
    mappings,
    one_of,
    plain,
    run_named,
    text,
    truth,
    whole,
    words,
)
from chronopolis.measured import measures_frame
from chronopolis.moment import Moment
from chronopolis.people import find_agent
from chronopolis.sentences import Names
from chronopolis.standing import standing_of
from chronopolis.survey import frame_of, require_draws, require_minds
from chronopolis.waves import answers_of, waves_of
from domain.advance import Header
from domain.columns import AREAS
from domain.configuration import Configuration
from domain.errors import RunDropped
from domain.ports import Run
from domain.state import World
from replay.bisect import Bisection, bisect
from replay.watch import last_where
from workers.bootstrap import Browsing, PostgresStore, Settings, archive_runs, export_run, open_store
from workers.rollups import refresh

# How mesa-frames calls polars is nothing that a notebook should be told.
warnings.filterwarnings("ignore", module=r"mesa_frames\b")


class _Closed:
    """Stands where the store was; whoever asks it for anything learns what to do."""

    def __init__(self, run: str) -> None:
        self._run = run

    def __getattr__(self, name: str) -> NoReturn:
        raise RunClosed(self._run)


class History:
    """The recorded history of one run.

    Parameters
    ----------
    name : name of the run, its id, or the unique beginning of its name
    settings : Settings, optional, where the database is; by default as the environment says

    Raises
    ------
    UnknownRun
    """

    def __init__(self, name: int | str, *, settings: Settings | None = None) -> None:
        wanted = run_named(name)
        self._open, self._settings = ExitStack(), settings
        self._store = self._open.enter_context(open_store(settings))
        try:
            self._run = self._store.find(wanted)
        except BaseException:
            self._open.close()
            raise
        atexit.register(self.close)

    def close(self) -> None:
        """Give up the share in the database; a second time does nothing, and what else is asked is `RunClosed`."""
        atexit.unregister(self.close)
        self._store = cast(PostgresStore, _Closed(self.name))
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the same run anew where it is unpickled, as in a process of a pool: no connection goes there.

        Raises
        ------
        RunClosed
        """
        self._head()
        return partial(History, settings=self._settings), (self.id,)

    # -- what it is made of, and where it stands ---------------------------------------------------

    @property
    def id(self) -> int:
        """The run's number, which SQL uses: ``WHERE run = …``."""
        return self._run.id

    @property
    def name(self) -> str:
        """The run's name."""
        return self._run.name

    @property
    def seed(self) -> int:
        """What decided everything that was left to chance."""
        return self._run.seed

    @property
    def configuration(self) -> Configuration:
        """The constants of the scenario."""
        return self._run.configuration

    @property
    def status(self) -> str:
        """One of running, paused, complete, degraded, failed; asked anew each time."""
        return self._store.lease(self._run).status

    @property
    def head_tick(self) -> int:
        """The newest tick, -1 before the first; asked anew each time, since a run may be going on."""
        head = self._head()
        return -1 if head is None else head.tick

    @property
    def head_hash(self) -> str | None:
        """The chain hash of the newest tick: the fingerprint of the whole history up to it."""
        head = self._head()
        return None if head is None else head.chain_hash.hex()

    def _head(self) -> Header | None:
        """Return the newest header, None before the first.

        Raises
        ------
        RunDropped
            If somebody has dropped the run since it was opened: it has no tick either, and never will.
        """
        head = self._store.head(self._run)
        if head is None:
            self._store.lease(self._run)
        return head

    # -- its history -------------------------------------------------------------------------------

    def at(self, tick: int | None = None) -> Moment:
        """Return the state that a tick left; the newest if none is given.

        Raises
        ------
        BeyondHead
            If that tick has not happened.
        """
        return Moment(self.name, replay.at(self._store, self._run, self._tick("tick", tick)), self)

    def _tick(self, name: str, tick: int | None) -> int:
        return record.require_tick(self._store, self._run, None if tick is None else whole(name, tick))

    def _ticks(self, first: int, last: int | None) -> tuple[int, int]:
        """Return the ticks that are meant, both included.

        Raises
        ------
        WrongUsage, BeyondHead, NoTicksYet
        """
        low, high = self._tick("first", first), self._tick("last", last)
        if low > high:
            raise WrongUsage(f"first={low} lies after last={high}")
        return low, high

    def cursor(self, *, cache_mib: int = 256) -> replay.Cursor:
        """Return a place in this history that moves both ways: `at(tick)`, `step()`, `step(-1)`.

        Its states are `domain.state.World`, shared with the cursor: only look at them, or `copy()` first.
        """
        return replay.Cursor(self._store, self._run, cache_mib=cache_mib)

    def events(
        self,
        kind: str | Iterable[str] | None = None,
        *,
        agent: int | str | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> pl.DataFrame:
        """Return events in order, as a frame.

        Parameters
        ----------
        kind : str or several, optional
            Such as ``"GoodsTraded"``: then the columns are those of that kind, its payload included.
            docs/events.md lists them. Without one, or with several, the general columns, and `payload` as JSON text.
            They are looked for in all of these ticks, which takes seconds in a run of tens of millions of events;
            `sql("SELECT * FROM trades")` finds those of all but the most frequent kinds at once.
        agent : int or str, optional
            Only this agent's own events.
        first, last : int
            Ticks, both included; up to the newest if `last` is left out.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        WrongUsage, UnknownAgent, BeyondHead
        """
        kinds = record.kinds_named(words(kind)) if kind is not None else ()
        if kind is not None and not kinds:
            raise WrongUsage("kind is an empty list", "Name one kind or several, or leave it out for all.")
        low, high = self._ticks(first, last)
        number = None if agent is None else record.agent_of_run(self._store, self._run, str(agent), last=high)
        found = record.select_events(self._store, self._run, first=low, last=high, kinds=kinds, agent=number)
        return record.events_frame(found, kinds[0] if len(kinds) == 1 else None)

    @property
    def ticks(self) -> pl.DataFrame:
        """One row a tick: number of events, hashes as hex digits, the hash of each area as an integer."""
        headers = self._store.headers(self._run, 0, self.head_tick)
        return pl.DataFrame(
            {
                "tick": headers.ticks,
                "events": headers.events,
                **{
                    name: pl.Series([value.hex() for value in getattr(headers, name)], dtype=pl.String)
                    for name in ("events_hash", "state_hash", "chain_hash")
                },
                **{f"area_{area}": headers.areas[:, i] for i, area in enumerate(AREAS)},
            }
        )

    def diff(
        self,
        other: History | int | str | None = None,
        *,
        tick: int | None = None,
        tick_a: int | None = None,
        tick_b: int | None = None,
    ) -> replay.Difference:
        """Say where this history and another part, and how their states differ; see `chronopolis.diff`."""
        store, ours = self._store, self._run
        name = other.name if isinstance(other, History) else other
        theirs = ours if name is None else store.find(run_named(name))
        tick, tick_a, tick_b = (
            None if value is None else whole(called, value)
            for called, value in (("tick", tick), ("tick_a", tick_a), ("tick_b", tick_b))
        )
        if tick is not None:
            if tick_a is not None or tick_b is not None:
                raise WrongUsage("tick is that of both; give it, or tick_a and tick_b")
            tick_a = tick_b = tick
        for run in (ours, theirs):
            record.head_tick(store, run)
        if theirs.id == ours.id and tick_a is None and tick_b is None and other is None:
            raise WrongUsage("two ticks of one run are compared by tick_a and tick_b")
        return replay.diff(store, ours, theirs, tick_a=tick_a, tick_b=tick_b)

    def sql(self, query: str, *, timeout_s: float = 30.0, limit: int | None = None) -> pl.DataFrame:
        """Ask one question in SQL and return its rows.

        The views show this run alone, its ancestors' share of its history included; docs/sql.md lists them. The role
        that asks can't write.

        Parameters
        ----------
        query : str, one SELECT
        timeout_s : float
            How long it may take, an hour at most.
        limit : int, optional
            Most rows, at least one; all there are if left out.

        Returns
        -------
        polars.DataFrame
            Numbers of arbitrary precision (`numeric`) as floats, JSON as text, bytes as hex digits.

        Raises
        ------
        WrongUsage, BadQuery, QueryTimedOut
        """
        return answer_of(self._store, self._run, query, timeout_s=timeout_s, limit=limit)

    def export(
        self, folder: str | Path, *, first: int = 0, last: int | None = None, overwrite: bool = False
    ) -> dict[str, Any]:
        """Write ticks first … last as Parquet files, as `polis export` does, and return the manifest.

        Raises
        ------
        ExportRefused, ExportFailed, WrongUsage, BeyondHead, NoTicksYet
        """
        where, replacing = folder_named("folder", folder), truth("overwrite", overwrite)
        first, last = self._ticks(first, last)
        refresh(self._store, self._run)
        replay.fill_measures(self._store, self._run)
        return export_run(self._store, self._run, where, first=first, last=last, overwrite=replacing)

    def archive(self, file: str | Path, *, overwrite: bool = False) -> dict[str, Any]:
        """Write the run, with what it reads of its ancestors, to a file that `chronopolis.import_runs` takes in.

        Returns
        -------
        {"file", "bytes", "runs": [{"name", "ticks", "head_tick", "head_hash", "events", "asked_for"}]}, ancestors first

        Raises
        ------
        BackupRefused, BackupFailed, WrongUsage
        """
        self._head()
        where, replacing = folder_named("file", file, what="file"), truth("overwrite", overwrite)
        return archive_runs(self._store, [self._run], where, overwrite=replacing)

    def measures(self, *names: str | Iterable[str], first: int = 0, last: int | None = None) -> pl.DataFrame:
        """Return measures tick by tick, in their units, null where there is no value.

        Parameters
        ----------
        names : str, or lists of them
            Such as ``"population", "gini_coins"``; all of them if none is given. `polis measures --list` has them.
        first, last : int
            Ticks, both included; up to the newest if `last` is left out.

        Raises
        ------
        UnknownMeasure, WrongUsage, BeyondHead, NoTicksYet
        """
        low, high = self._ticks(first, last)
        wanted = words(*names)
        if names and not wanted:
            raise WrongUsage("an empty list of measures", "Name some, or leave it out for all.")
        return measures_frame(replay.measure_series(self._store, self._run, wanted or None, low, high), low)

    def why(
        self, event: str | tuple[int, int], *, depth: int = 6, breadth: int = 8, horizon: int = 400,
        effects: bool = True,
    ) -> causes.Explained:  # fmt: skip
        """Return what led to an event, and what came of it; a notebook shows it as a picture.

        Parameters
        ----------
        event : tick and ordinal, as ``"1200:17"`` or ``(1200, 17)``
        depth, breadth, horizon : steps followed, links of one event, ticks after it; `cut` says what they left out

        Raises
        ------
        WrongUsage, BeyondHead, UnknownEvent
        """
        event, effects = address(event), truth("effects", effects)
        return causes.why(
            self._store, self._run, event, depth=depth, breadth=breadth, horizon=horizon, effects=effects,
            naming=partial(_names_for, self._settings, self._run),
        )  # fmt: skip

    def bisect(
        self, expression: str, *, first: int = 0, last: int | None = None, method: str | None = None, limit: int = 10
    ) -> Bisection:
        """Return the first tick at which an expression is true, and the events of it that made it so.

        Parameters
        ----------
        expression : str
            Such as ``"gini > 0.5"`` or ``"count(satiety < 2) > 20"``; docs/measures.md tells what it can say.
        first, last : int
            Ticks, both included.
        method : str, optional
            "seek" takes it that once true it stays true, "scan" looks at every tick.
        limit : int
            How many events at most.

        Raises
        ------
        InvalidExpression, WrongUsage, BeyondHead, NoTicksYet
        """
        expression, limit = text("expression", expression), whole("limit", limit, least=0)
        method = None if method is None else one_of("method", method, "seek", "scan")
        first, last = self._ticks(first, last)
        return bisect(self._store, self._run, expression, first=first, last=last, method=method, limit=limit)

    def last_where(self, expression: str, *, first: int = 0, last: int | None = None) -> int | None:
        """Return the last tick at which an expression is true, or None.

        Raises
        ------
        InvalidExpression, WrongUsage, BeyondHead, NoTicksYet
        """
        expression = text("expression", expression)
        first, last = self._ticks(first, last)
        return last_where(self._store, self._run, expression, first=first, last=last)

    # -- what its agents say -----------------------------------------------------------------------

    def interview(
        self, agent: int | str, question: str, *, tick: int | None = None, mind: str | None = None
    ) -> dict[str, Any]:
        """Ask an agent something as of a tick, the newest by default; nothing of the run changes.

        Returns
        -------
        dict
            With "agent", "person", "tick", "answer", "memories", "mind", "engine", "prompt", tokens and latency.

        Raises
        ------
        UnknownAgent, WrongUsage, InvalidConfiguration, MindError, BeyondHead
        """
        from workers.interviews import interviewer
        from workers.minds.survey import question_of

        asked, world = question_of(text("question", question)), self._world_with_minds(tick)
        who = find_agent(world, self.name, str(plain(agent)))
        with interviewer(self._store, self._run, world, mind=mind, settings=self._settings) as asking:
            told = asking.interview(who, asked.text)
        return {"agent": who, "tick": world.tick} | told | {"mind": asking.mind}

    def survey(
        self,
        question: str,
        *,
        choices: Iterable[str] = (),
        scale: str | None = None,
        keep_order: bool = False,
        reasons: bool = False,
        agents: Iterable[int | str] = (),
        occupation: str | None = None,
        sample: int | None = None,
        draws: int = 1,
        tick: int | Iterable[int] | None = None,
        mind: str | None = None,
    ) -> pl.DataFrame:
        """Put one question to many agents as of a tick, the newest by default; nothing of the run changes.

        Parameters
        ----------
        question : str
        choices : what may be answered, listed to each agent in an order of its own; none: any words
        scale : such as "1-7", instead of choices
        keep_order : list choices alike to all
        reasons : ask for a reason, too
        agents : ids or names; all who live by default
        occupation : only theirs
        sample : int, at most so many, drawn by chance: the same at every tick, but for deaths and births
        draws : int, how many times each is asked
        tick : int or several, optional
            As of each of several: agents who are named are asked wherever they live.
        mind : another engine than the run's own

        Returns
        -------
        polars.DataFrame
            A row an agent, tick and draw, with the columns of `chronopolis.survey.SCHEMA`. Joined with
            `at(tick).agents` on "agent" it can be compared by anything that the state holds.

        Raises
        ------
        UnknownAgent, WrongUsage, InvalidConfiguration, MindError, BeyondHead
            What was answered before an engine went away, or Ctrl-C, is a frame in the error's `answered`.
        """
        from workers.minds.survey import question_of

        asked = question_of(
            text("question", question),
            choices=words(choices),
            scale=None if scale is None else text("scale", scale),
            keeps_order=truth("keep_order", keep_order),
            reasons=truth("reasons", reasons),
        )
        times = require_draws(whole("draws", draws))
        several = [tick] if tick is None or not isinstance(tick, Iterable) else list(tick)
        if not several:
            raise WrongUsage("tick: there is none in it")
        ticks = sorted({self._tick("tick", each) for each in several})
        named = [agents] if isinstance(agents, int | str) or not isinstance(agents, Iterable) else agents
        waves = waves_of(
            self._store, self._run, ticks, agents=[str(plain(each)) for each in named],
            occupation=None if occupation is None else text("occupation", occupation),
            sample=None if sample is None else whole("sample", sample),
        )  # fmt: skip
        said: list[dict[str, Any]] = []
        asking = answers_of(self._store, self._run, waves, asked, draws=times, mind=mind, settings=self._settings)
        with closing(asking) as answers:
            try:
                said.extend(answers)
            except BaseException as error:  # Ctrl-C in a notebook, for one: an hour of answers is not to be lost
                vars(error)["answered"] = frame_of(said)
                raise
        return frame_of(said)

    def _world_with_minds(self, tick: int | None) -> World:
        world = replay.at(self._store, self._run, self._tick("tick", tick))
        require_minds(self.name, world)
        return world

    # -- whether it holds, and what else it might have been ----------------------------------------

    def verify(self, *, deep: bool = False) -> replay.Verification:
        """Fold everything from tick 0 and compare with what is recorded."""
        self._head()  # else nothing at all, which is all that is left of a run that was dropped, would be called whole
        return replay.verify(self._store, self._run, deep=truth("deep", deep))

    # -- what if -------------------------------------------------------------------------------------

    @property
    def forked_from(self) -> tuple[str, int] | None:
        """The run that this one was forked from, and the last tick that both share; None if it is no fork."""
        if self._run.parent is None or self._run.fork_tick is None:
            return None
        return self._store.find(str(self._run.parent)).name, self._run.fork_tick

    def fork(
        self,
        at: int | None = None,
        *,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        seed: int | None = None,
        interventions: Iterable[Mapping[str, Any]] = (),
        by: str | None = None,
        why: str = "",
        ticks: int | None = None,
    ) -> History:
        """Fork the run and return the child's history; this run goes on as if nobody had asked.

        Parameters
        ----------
        at : int, optional
            The last tick that both share; the newest if left out.
        name : str, optional
            Of the child; a memorable one if left out.
        settings : dict, optional
            Constants of the scenario from tick `at` + 1 on, such as ``{"hunger": 30}``.
        seed : int, optional
            What decides chance from then on.
        interventions : list of dicts
            Such as ``[{"agent": 17, "endow": {"food": 5000}}]``; docs/forks.md has them all.
        by, why : str
            Who forks, whoever is logged in if left out, and for what reason.
        ticks : int, optional
            How far beyond the fork the child is to go; to its parent's target if left out.

        Returns
        -------
        History
            Of a run without a tick of its own yet: `resume` runs it on.

        Raises
        ------
        BeyondHead, RunExists, InvalidConfiguration, UnknownAgent, WrongUsage
        """
        made = make_fork(
            self._store, str(self.id),
            at=None if at is None else whole("at", at),
            name=None if name is None else text("name", name),
            settings=None if settings is None else mapping("settings", settings, "{'hunger': 30}"),
            seed=None if seed is None else whole("seed", seed),
            interventions=mappings("interventions", interventions, "{'agent': 17, 'endow': {'food': 5000}}"),
            by=None if by is None else text("by", by),
            why=text("why", why),
            ticks=None if ticks is None else whole("ticks", ticks, least=0),
        )  # fmt: skip
        return History(made["name"], settings=self._settings)

    def intervene(
        self,
        *,
        agent: int | str | None = None,
        at: int | None = None,
        by: str | None = None,
        why: str = "",
        **deeds: Any,
    ) -> dict[str, Any]:
        """Change the world from outside at a tick that has not begun, and return what `polis intervene --json` says.

        Parameters
        ----------
        agent : int or str, optional
            Whom it concerns, by id or name; the world if left out.
        at : int, optional
            The tick of effect; soon if left out.
        by, why : str
            Who intervenes, whoever is logged in if left out, and for what reason.
        **deeds
            What is done, such as ``endow={"food": 5000}``, ``news="The well is dry."`` or ``add={"agents": 20}``;
            docs/forks.md has them all.

        Raises
        ------
        UnknownAgent, TickHasBegun, WrongUsage
        """
        at, by = None if at is None else whole("at", at), None if by is None else text("by", by)
        self._head()  # a run that was dropped says so
        return intervene(self._store, self._run, plain(deeds), agent=plain(agent), at=at, by=by, why=text("why", why))

    def resume(self, ticks: int | None = None, *, durability: str = "tick", answers: str = "reuse") -> dict[str, Any]:
        """Run on, in this process, and return what `polis resume --json` says.

        Parameters
        ----------
        ticks : int, optional
            How many beyond the newest; to the run's own target if left out.
        durability, answers : str
            As `polis resume` has them.

        Raises
        ------
        RunIsHeld, OtherRules, WrongUsage, InvalidConfiguration
        """
        from workers.runner import Runner  # late: who only reads need not wait for it
        from workers.staff import thinking_for

        ticks = None if ticks is None else whole("ticks", ticks, least=1)
        durability = one_of("durability", durability, "tick", "group")
        answers = one_of("answers", answers, "record", "reuse", "only")
        target = self._store.lease(self._run).target if ticks is None else max(self.head_tick, 0) + ticks
        where = self._settings or Settings.from_environment()
        with thinking_for(self._store, self._run, where, answers=answers) as thinking:
            runner = Runner(self._store, self._run, durability=durability, thinking=thinking)
            return runner.run(max(target, self.head_tick)).as_dict()

    def __repr__(self) -> str:
        try:
            where = f"tick {self.head_tick:,}"
        except RunClosed:
            where = "closed"
        except RunDropped:
            where = "dropped"
        except Exception:  # whatever the database has: a notebook shows this unasked
            where = "the database does not answer"
        return f"<run {self.name} ({self.id}): {where}, seed {self.seed}>"


def _names_for(settings: Settings | None, run: Run, found: replay.Causes) -> Names:
    """Return how everybody of an answer is called; it may be drawn after its run was closed, or in another process."""
    with open_store(settings) as store:
        return causes.names_for(store, run, found)


_RUNS = {
    "run": pl.Int64, "name": pl.String, "status": pl.String, "head_tick": pl.Int64, "head_hash": pl.String,
    "target": pl.Int64, "agents": pl.Int64, "seed": pl.Int64, "mind": pl.String, "parent": pl.Int64,
    "fork_tick": pl.Int64, "created_at": pl.String, "damage": pl.String,
}  # fmt: skip


def measures_of(
    runs: Iterable[History | int | str], *names: str | Iterable[str], first: int = 0, last: int | None = None
) -> pl.DataFrame:
    """Return measures of several runs, one run after the other; see `chronopolis.measures`."""
    wanted = list(runs) if isinstance(runs, Iterable) and not isinstance(runs, str) else [runs]
    if not wanted:
        raise WrongUsage("an empty list of runs", "`chronopolis.runs()` lists them.")
    frames = []
    for each in wanted:
        with nullcontext(each) if isinstance(each, History) else History(each) as run:
            of_run = (
                pl.lit(value, _RUNS[name]).alias(name)  # else seeds would be of the type that each fits into
                for name, value in (("run", run.id), ("name", run.name), ("seed", run.seed))
            )
            frames.append(run.measures(*names, first=first, last=last).select(*of_run, pl.all()))
    return pl.concat(frames)


def runs(*, settings: Settings | None = None) -> pl.DataFrame:
    """Return one row a run, oldest first; see `chronopolis.runs`."""
    with open_store(settings) as store:
        return pl.DataFrame([standing_of(each) for each in Browsing(store).standings(order="oldest")], schema=_RUNS)
