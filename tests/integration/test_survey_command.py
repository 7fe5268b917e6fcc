"""`polis survey` and `interview` on a real database, a real Chroma and engines over HTTP, good and bad."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import pytest

import chronopolis
from domain.errors import EngineUnavailable, PolisError
from tests.support.commands import Polis, Said, home_with_server, polis  # noqa: F401
from tests.support.engines import Engines, closed_port, engines  # noqa: F401
from workers import interviews
from workers.minds import patient
from workers.minds.survey import put_question, question_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SOCIETY = ("--agents", "30", "--width", "10", "--height", "10", "--seed", "7", "--mind", "scripted", "--quiet")
TRUST = ("Do you trust your neighbours?", "--choice", "yes", "--choice", "no", "--choice", "hard to say")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        yield folder


@pytest.fixture(scope="module", autouse=True)
def _made(home: Path) -> None:
    from chronopolis.cli import main

    assert main.run(["run", *SOCIETY, "--ticks", "60", "--name", "town"]) == 0
    assert main.run(["run", *SOCIETY, "--ticks", "3", "--mind", "reflex", "--name", "mute"]) == 0


@dataclass(frozen=True)
class Openly:
    """`polis survey town` by an engine over HTTP; `away` makes one that is gone not be waited for."""

    polis: Polis
    engines: Engines
    monkeypatch: pytest.MonkeyPatch

    def ask(self, behaviour: str, *options: str) -> Said:
        return self.ask_at(self.engines.url(behaviour), *options)

    def ask_at(self, url: str, *options: str) -> Said:
        self.monkeypatch.setenv("POLIS_MIND_MODEL", "base")
        self.monkeypatch.setenv("POLIS_MIND_URL", url)
        return self.polis("survey", "town", *TRUST, "--mind", "openai", "--json", *options)

    def away(self) -> None:
        self.monkeypatch.setattr(patient, "_PAUSE_S", 1e9)


@pytest.fixture
def openly(polis: Polis, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Openly:  # noqa: F811
    return Openly(polis, engines, monkeypatch)


def test_everybody_who_lives_is_asked_and_nothing_of_the_run_changes(polis: Polis) -> None:  # noqa: F811
    before = polis("show", "town", "--json").json
    told = polis("survey", "town", *TRUST, "--by", "occupation", "--json").json
    living = [each["agent"] for each in polis("state", "town", "--agents", "--json").json["agents"]]
    assert [each["agent"] for each in told["answers"]] == living
    assert (told["asked"], told["answered"], told["unanswered"], told["complete"]) == (
        len(living),
        len(living),
        0,
        True,
    )
    everybody, *groups = told["tallies"]
    assert everybody["counts"] == {
        choice: sum(each["answer"] == choice for each in told["answers"]) for choice in told["choices"]
    }
    assert {group["group"] for group in groups} == {each["occupation"] for each in told["answers"]}
    for group in groups:
        assert group["answered"] == sum(each["occupation"] == group["group"] for each in told["answers"])
    assert polis("show", "town", "--json").json == before
    assert polis("verify", "town", "--json").json["ok"]
    assert polis("survey", "town", *TRUST, "--by", "occupation", "--json").json["answers"] == told["answers"]


def test_a_past_tick_is_asked_with_the_memories_of_that_tick(polis: Polis) -> None:  # noqa: F811
    for tick in (10, 60):
        told = polis("survey", "town", "What do you remember?", "--tick", str(tick), "--json").json
        born = [int(memory.partition(":")[0]) for each in told["answers"] for memory in each["memories"]]
        assert told["tick"] == tick and all(at <= tick for at in born)
        assert tick < 60 or any(at > 10 for at in born)


def test_its_csv_and_its_tables_tell_the_same(polis: Polis) -> None:  # noqa: F811
    rows = list(csv.DictReader(io.StringIO(polis("survey", "town", *TRUST, "--sample", "9", "--csv").out)))
    told = polis("survey", "town", *TRUST, "--sample", "9", "--json").json
    assert [(int(row["agent"]), row["answer"]) for row in rows] == [(e["agent"], e["answer"]) for e in told["answers"]]
    shown = " ".join(polis("survey", "town", *TRUST, "--sample", "9").out.split())
    for choice, count in told["tallies"][0]["counts"].items():
        assert f"{choice} {count} {100 * count / 9:.1f}" in shown
    assert "9 of 9 answered" in shown


def test_each_is_asked_as_often_as_is_told(polis: Polis) -> None:  # noqa: F811
    once = polis("survey", "town", *TRUST, "--sample", "6", "--json").json
    told = polis("survey", "town", *TRUST, "--sample", "6", "--draws", "3", "--by", "occupation", "--json").json
    asked = [each["agent"] for each in once["answers"]]
    assert [(each["draw"], each["agent"]) for each in told["answers"]] == [(d, a) for d in (1, 2, 3) for a in asked]
    assert [each["answer"] for each in told["answers"][:6]] == [each["answer"] for each in once["answers"]]
    assert (told["draws"], told["asked"], told["answered"]) == (3, 18, 18)
    assert sum(group["asked"] for group in told["tallies"][1:]) == 18
    assert once["tallies"][0]["agreement"] is None and -1 <= told["tallies"][0]["agreement"] <= 1
    shown = polis("survey", "town", *TRUST, "--sample", "6", "--draws", "3").out
    assert "18 of 18 answered, each agent 3 times" in shown and "agreement with themselves" in shown
    low, high = told["tallies"][0]["intervals"]["yes"]
    assert f"{100 * low:.0f} to {100 * high:.0f}" in shown
    with chronopolis.open("town") as run:
        frame = run.survey(TRUST[0], choices=told["choices"], sample=6, draws=3)
    assert frame["answer"].to_list() == [each["answer"] for each in told["answers"]]


def test_waves_are_asked_one_after_the_other_and_counted_each(polis: Polis, tmp_path: Path) -> None:  # noqa: F811
    picture = tmp_path / "waves.svg"
    ranged = ("--from", "10", "--to", "50", "--every", "20", "--by", "energy")
    told = polis("survey", "town", *TRUST, *ranged, "--plot", str(picture), "--json").json
    assert told["ticks"] == [10, 30, 50] and told["tick"] == 50 and told["complete"]
    everybody = [tally for tally in told["tallies"] if tally["group"] == "all"]
    assert [tally["tick"] for tally in everybody] == [10, 30, 50]
    for tick, tally in zip((10, 30, 50), everybody, strict=True):
        alone = polis("survey", "town", *TRUST, "--tick", str(tick), "--json").json
        assert alone["tallies"][0] == tally and alone["ticks"] == [tick]
        assert alone["answers"] == [each for each in told["answers"] if each["tick"] == tick]
    quarters = {tally["group"] for tally in told["tallies"]} - {"all"}
    assert quarters <= {"lowest quarter", "second quarter", "third quarter", "highest quarter"}
    assert b"<svg" in picture.read_bytes()
    shown = polis("survey", "town", *TRUST, "--tick", "50", "--tick", "10", "--tick", "50").out
    rows = [line.split() for line in shown.splitlines() if line.split() and line.split()[0].isdecimal()]
    assert [row[0] for row in rows if len(row) == 5] == ["10", "50"]
    with chronopolis.open("town") as run:
        frame = run.survey(TRUST[0], choices=told["choices"], tick=[50, 10, 30])
    assert frame["answer"].to_list() == [each["answer"] for each in told["answers"]]


def test_who_is_named_is_asked_in_each_wave_it_lives_in(polis: Polis) -> None:  # noqa: F811
    people = {tick: {each["agent"]: each["name"] for each in polis("state", "town", "--tick", str(tick), "--agents",
              "--json").json["agents"]} for tick in (0, 60)}  # fmt: skip
    first = min(people[0])
    told = polis("survey", "town", *TRUST, "--agent", people[0][first], "--tick", "0", "--tick", "60", "--json").json
    assert {(each["agent"], each["tick"]) for each in told["answers"]} == {
        (first, tick) for tick in (0, 60) if first in people[tick]
    }
    never = polis("survey", "town", *TRUST, "--agent", "Nobody At All", "--tick", "0", "--tick", "60")
    assert never.code == 2 and "tick 60" in never.err


def test_where_nobody_lives_who_is_meant_there_is_no_wave_and_it_is_said(
    polis: Polis,  # noqa: F811
    tmp_path: Path,
) -> None:
    shortlived = ("--agents", "4", "--width", "5", "--height", "5", "--set", "hunger=1000", "--set", "lifespan=100")
    polis("run", *shortlived, "--seed", "7", "--ticks", "130", "--mind", "scripted", "--name", "gone", "--quiet")
    said = polis("survey", "gone", *TRUST, "--every", "40", "--plot", str(tmp_path / "gone.png"), "--json")
    told = said.json
    asked = {tick: [each["agent"] for each in told["answers"] if each["tick"] == tick] for tick in (0, 40, 80, 120)}
    assert asked == {0: [0, 1, 2, 3], 40: [0, 2, 3], 80: [3], 120: []}
    assert told["complete"] and told["ticks"] == [0, 40, 80] and told["nobody_at"] == [120]
    assert "nobody who is meant lives at tick 120" in said.err
    one = polis("survey", "gone", *TRUST, "--every", "40", "--agent", "2", "--json").json
    assert one["ticks"] == [0, 40] and one["nobody_at"] == [80, 120] and one["asked"] == 2
    nobody = polis("survey", "gone", *TRUST, "--tick", "120", "--tick", "130")
    assert nobody.code == 2 and "nobody who is meant lives at tick 120" in nobody.err


def test_a_picture_is_written(polis: Polis, tmp_path: Path) -> None:  # noqa: F811
    said = polis("survey", "town", "Content?", "--scale", "1-7", "--by", "coin", "--plot", str(tmp_path / "c.png"))
    assert said.code == 0 and "mean" in said.out
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_choices_are_shown_as_they_are(polis: Polis) -> None:  # noqa: F811
    said = polis("survey", "town", "Which?", "--choice", ":smile:", "--choice", "no", "--by", "occupation")
    assert ":smile: %" in said.out


def test_many_long_choices_are_shown_below_each_other(polis: Polis) -> None:  # noqa: F811
    long = [f"the choice of number {n}, which has many words" for n in range(9)]
    asked = [word for choice in long for word in ("--choice", choice)]
    shown = polis("survey", "town", "Which?", *asked, "--by", "occupation").out
    assert all(f"{choice} %" in shown for choice in long) and "…" not in shown
    scale = polis("survey", "town", "How?", "--scale", "1-26", "--by", "occupation").out
    assert "26 %" in scale and "mean" in scale.rpartition("26 %")[2]


def test_of_what_a_narrow_terminal_has_no_room_for_nothing_is_cut(
    polis: Polis,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = [f"the choice of number {n}, which has many words" for n in range(9)]
    asked = [word for choice in long for word in ("--choice", choice)]
    for columns in (60, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = polis("survey", "town", "Which?", *asked, "--by", "occupation").out
        assert "…" not in shown and max(map(len, shown.splitlines())) <= columns
        bars = [line.count("█") for line in shown.splitlines()]
        assert 6 <= max(bars) <= 24


def test_answers_are_told_also_if_the_picture_can_not_be_written(polis: Polis, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "full.png").symlink_to("/dev/full")
    said = polis("survey", "town", "Content?", "--scale", "1-7", "--plot", str(tmp_path / "full.png"), "--json")
    told, error = said.lines
    assert said.code == 3 and "No space left" in error["error"]["message"]
    assert told["answered"] == told["asked"] == len(told["answers"]) > 0


def test_an_engine_that_knows_no_schema_is_understood(openly: Openly) -> None:
    told = openly.ask("chosen").json
    assert told["unanswered"] == 0 and told["tokens"]["in"] == 40 * told["asked"]
    asked = question_of(TRUST[0], choices=told["choices"])
    assert all(each["answer"] == asked.listed_to(each["agent"])[0] for each in told["answers"])
    assert len({each["answer"] for each in told["answers"]}) == 3


def test_who_gives_no_answer_is_counted_and_told_of(openly: Openly) -> None:
    said = openly.ask("now_and_then")
    told = said.json
    without = [each for each in told["answers"] if each["answer"] is None]
    assert said.code == 0 and told["unanswered"] == len(without) > 0
    assert told["answered"] + told["unanswered"] == told["asked"] == len(told["answers"])
    assert {each["problem"] for each in without} == {told["problem"]}
    assert {each["tokens_in"] for each in without} == {2 * 40}, "both attempts were paid for"
    assert told["tokens"]["in"] == sum(each["tokens_in"] for each in told["answers"])
    assert "names none of the choices" in told["problem"] and "gave no answer" in said.err


def test_an_engine_that_is_busy_is_asked_again(openly: Openly) -> None:
    told = openly.ask("busy_at_first", "--sample", "5").json
    assert (told["answered"], told["unanswered"]) == (5, 0)


def test_of_an_engine_that_goes_away_what_was_answered_is_told(openly: Openly) -> None:
    openly.away()
    said = openly.ask("soon_away")
    told, error = said.lines
    assert said.code == 3 and error["error"]["type"] == "EngineUnavailable"
    assert not told["complete"] and 0 < told["answered"] == len(told["answers"]) < told["asked"]
    assert "were asked before it ended" in said.err


def test_a_picture_of_a_survey_that_ended_early_tells_of_the_waves_that_are_in_it(
    openly: Openly, tmp_path: Path
) -> None:
    openly.away()
    openly.ask("soon_away", "--every", "20", "--sample", "6", "--plot", str(tmp_path / "some.svg"))
    assert "town, 2 ticks, 0 to 20" in (tmp_path / "some.svg").read_text()


def test_an_engine_that_hangs_is_not_waited_for_by_everybody(openly: Openly) -> None:
    openly.monkeypatch.setattr(interviews, "put_question", partial(put_question, timeout_s=1.0))
    said = openly.ask("soon_hangs")
    told, error = said.lines
    assert said.code == 3 and error["error"]["type"] == "EngineTimedOut"
    assert not told["complete"] and told["answered"] == 5
    # All in the row but the last; before them those eight that are asked at a time come in whatever order.
    row = interviews._HANGS_AFTER - 1
    assert all(each["problem"] for each in told["answers"][-row:]) and 1 + row <= told["unanswered"] <= 3 + row


def test_an_engine_that_hangs_is_not_waited_for_in_every_wave_anew(openly: Openly) -> None:
    openly.monkeypatch.setattr(interviews, "put_question", partial(put_question, timeout_s=0.3))
    said = openly.ask("hangs", "--sample", "1", "--every", "5")
    told, error = said.lines
    assert said.code == 3 and error["error"]["type"] == "EngineTimedOut"
    assert told["unanswered"] == interviews._HANGS_AFTER - 1 and len(openly.engines.asked) <= interviews._HANGS_AFTER


def test_an_engine_that_answers_nobody_is_not_asked_for_every_wave(openly: Openly) -> None:
    said = openly.ask("no_key", "--sample", "2", "--every", "5")
    told, error = said.lines
    assert said.code != 0 and "Invalid API Key" in error["error"]["message"]
    assert told["answered"] == 0 and told["unanswered"] == interviews._GIVEN_UP_AFTER - 1


@pytest.mark.parametrize(("behaviour", "error"), [("no_key", "Invalid API Key"), ("garbage", "JSON")])
def test_an_engine_that_answers_nobody_is_not_asked_for_all(openly: Openly, behaviour: str, error: str) -> None:
    said = openly.ask(behaviour)
    assert said.code != 0 and error in said.err
    assert len(openly.engines.asked) <= 24


def test_an_engine_that_is_not_there_is_said_so(openly: Openly) -> None:
    openly.away()
    said = openly.ask_at(f"http://127.0.0.1:{closed_port()}/v1")
    assert said.code == 3 and len(said.lines) == 1 and "127.0.0.1" in said.json["error"]["message"]


@pytest.mark.parametrize(("behaviour", "asked"), [("slow", 16), ("soon_hangs", 13)])
def test_ctrl_c_tells_at_once_what_was_answered_until_then(
    home: Path,
    engines: Engines,  # noqa: F811
    behaviour: str,
    asked: int,
) -> None:
    about = {"POLIS_MIND_URL": engines.url(behaviour), "POLIS_MIND_MODEL": "base", "POLIS_HOME": str(home)}
    words = ["survey", "town", *TRUST, "--mind", "openai", "--json"]
    asking = subprocess.Popen(
        [sys.executable, "-m", "chronopolis.cli.main", *words], env=os.environ | about, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while len(engines.asked) < asked and time.monotonic() < until:
        time.sleep(0.02)
    asking.send_signal(signal.SIGINT)
    out, err = asking.communicate(timeout=30)
    assert asking.returncode == 130, err
    told = json.loads(out.splitlines()[0])
    assert not told["complete"] and 5 <= told["answered"] == len(told["answers"]) and "Traceback" not in err


def test_ctrl_c_ends_an_interview_at_once(home: Path, engines: Engines) -> None:  # noqa: F811
    about = {"POLIS_MIND_URL": engines.url("soon_hangs"), "POLIS_MIND_MODEL": "base", "POLIS_HOME": str(home)}
    words = ["interview", "town", "--agent", "0", "Who are you?", "--mind", "openai"]
    asking = subprocess.Popen([sys.executable, "-m", "chronopolis.cli.main", *words], env=os.environ | about)
    until = time.monotonic() + 120
    while not engines.asked and time.monotonic() < until:
        time.sleep(0.02)
    asking.send_signal(signal.SIGINT)
    assert asking.wait(timeout=20) == 130


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (("mute", *TRUST), "has no minds"),
        (("town", ""), "nothing in it"),
        (("town", "x", "--choice", "a"), "must be 2"),
        (("town", "x", "--by", "coin"), "Give choices"),
        (("town", *TRUST, "--by", "name"), "no such column"),
        (("town", *TRUST, "--occupation", "king"), "farmer"),
        (("town", *TRUST, "--agent", "Nobody At All"), "lives there"),
        (("town", *TRUST, "--tick", "99"), "no tick 99"),
        (("town", *TRUST, "--sample", "0"), "asks nobody"),
        (("town", *TRUST, "--draws", "0"), "1 to 100"),
        (("town", *TRUST, "--every", "5", "--tick", "3"), "the one or the other"),
        (("town", *TRUST, "--to", "5"), "need --every"),
        (("town", *TRUST, "--from", "9", "--to", "5", "--every", "1"), "lies after"),
        (("town", *TRUST, "--from", "99", "--every", "5"), "no tick 99"),
        (("town", *TRUST, "--mind", "lama"), "no such mind"),
        (("town", *TRUST, "--json", "--csv"), "together"),
        (("town", *TRUST, "--plot", "x.gif"), ".png or .svg"),
        (("nowhere", *TRUST), "no run"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_a_line(polis: Polis, options: tuple[str, ...], because: str) -> None:  # noqa: F811
    said = polis("survey", *options)
    assert said.code == 2 and because in said.err and "Traceback" not in said.err


def test_python_has_the_same_answers_and_joins_them_with_the_state(polis: Polis) -> None:  # noqa: F811
    told = polis("survey", "town", *TRUST, "--json").json
    with chronopolis.open("town") as run:
        frame = run.survey(TRUST[0], choices=told["choices"])
        joined = frame.join(run.at().agents, on="agent")
        spoken = run.interview(told["answers"][0]["name"], "Who are you?", tick=10)
    assert frame.select("agent", "answer").rows() == [(each["agent"], each["answer"]) for each in told["answers"]]
    assert joined.height == frame.height and joined["coin"].dtype == pl.Int64
    said = polis(
        "interview", "town", "--agent", str(told["answers"][0]["agent"]), "--tick", "10", "Who are you?", "--json"
    )
    assert said.json["answer"] == spoken["answer"] and said.json["tick"] == spoken["tick"] == 10


def test_in_python_what_was_answered_until_an_engine_went_away_is_in_the_error(openly: Openly) -> None:
    openly.away()
    openly.monkeypatch.setenv("POLIS_MIND_MODEL", "base")
    openly.monkeypatch.setenv("POLIS_MIND_URL", openly.engines.url("soon_away"))
    with chronopolis.open("town") as run, pytest.raises(EngineUnavailable) as raised:
        run.survey(TRUST[0], choices=["yes", "no"], mind="openai")
    answered = vars(raised.value)["answered"]
    assert 0 < answered.height < 30 and answered["answer"].null_count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": 5}, {"question": ""}, {"choices": [1, 2]}, {"choices": "yes"}, {"scale": 7}, {"scale": "x"},
        {"sample": "x"}, {"sample": 0}, {"agents": [3.5]}, {"agents": [True]}, {"agents": "Nobody At All"},
        {"occupation": 3}, {"occupation": "king"}, {"tick": -1}, {"tick": 1.5}, {"mind": 3}, {"mind": "reflex"},
        {"reasons": "no"}, {"keep_order": 1}, {"draws": 0}, {"draws": True}, {"tick": []},
        {"tick": [3, "x"]}, {"tick": [999]}, {"tick": "3"},
        {"agents": 3.5}, {"agents": None}, {"choices": None}, {"choices": 3},
    ],
    ids=str,
)  # fmt: skip
def test_arguments_that_mean_nothing_are_refused_in_words(_made: None, wrong: dict[str, object]) -> None:
    asked = {"question": "x"} | ({} if {"choices", "scale"} & wrong.keys() else {"scale": "1-3"}) | wrong
    with chronopolis.open("town") as run, pytest.raises(PolisError):
        run.survey(**asked)
