"""`polis fork`, `tree` and `intervene` on a real database: what scripts depend on, and what is refused with a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import chronopolis
from chronopolis.cli import main
from chronopolis.cli.interventions import intervention_of
from chronopolis.errors import WrongUsage
from domain.errors import BeyondHead, RunExists
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.integration

TICKS = 20
SOCIETY = ("--agents", "16", "--width", "12", "--height", "12", "--set", "homes=30", "--seed", "7", "--quiet")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


Polis = Callable[..., Said]


@pytest.fixture
def polis(migrated: FreshDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Polis:
    """`polis` in this process, on a database with a run named `village`."""
    monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
    monkeypatch.delenv("POLIS_DEBUG", raising=False)

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main.run(list(arguments))
        out, err = capsys.readouterr()
        return Said(code, out, err)

    made = run("run", *SOCIETY, "--ticks", str(TICKS), "--name", "village", "--json")
    assert made.code == 0, made.err
    return run


def test_fork_and_resume_keep_their_contract(polis):
    said = polis("fork", "village", "--at", "8", "--name", "child", "--json")
    assert said.code == 0 and len(said.out.splitlines()) == 1, said.err
    assert said.json.keys() >= {"run", "name", "parent", "forked_at"}
    assert (said.json["name"], said.json["parent"], said.json["forked_at"]) == ("child", "village", 8)
    resumed = polis("resume", "child", "--ticks", str(TICKS - 8), "--json", "--quiet")
    assert (resumed.code, resumed.json["head_tick"]) == (0, TICKS)
    assert resumed.json["head_hash"] == polis("show", "village", "--json").json["head_hash"], "nothing was changed"
    for check in ("verify", "reexecute"):
        assert polis(check, "child", "--json").code == 0
    told, parents = polis("show", "child", "--json").json, polis("show", "village", "--json").json
    own = polis("sql", "--csv", "-c", f"SELECT count(*) FROM events WHERE run = {told['run']}").out.split()[-1]
    assert told["events"] == parents["events"] == parents["events_own"] and told["events_own"] == int(own)
    panel = polis("show", "child").out
    assert f"{told['events'] - told['events_own']:,} of them shared with village" in panel
    assert f"{told['size_bytes'] / told['events_own']:.0f} bytes an event of its own" in panel


def test_what_is_changed_is_shown_wherever_runs_are(polis):
    what = (
        "--set", "hunger=90", "--seed", "8", "--intervene", "agent=3 endow.food=5000 at=12", "--intervene", "add=4",
        "--intervene", '{"stock": {"good": "food", "cells": "all", "percent": 50}}', "--by", "ana", "--why", "a test",
    )  # fmt: skip
    made = polis("fork", "village", "--at", "9", "--name", "child", "--ticks", "6", *what, "--json").json
    assert made["changed"] == {
        "settings": {"hunger": {"before": 45, "after": 90}}, "seed": {"before": 7, "after": 8},
    }  # fmt: skip
    assert [(i["effect_tick"], i["by"], i["why"]) for i in made["interventions"]] == [
        (10, "ana", "a test"), (10, "ana", "a test"), (12, "ana", "a test"),
    ]  # fmt: skip
    resumed = polis("resume", "child", "--json", "--quiet")
    assert resumed.json["head_tick"] == 15
    tree = polis("tree", "child", "--json").json["trees"][0]
    assert (tree["name"], tree["head_tick"], tree["children"][0]["forked_at"]) == ("village", TICKS, 9)
    assert tree["children"][0]["changed"] == made["changed"]
    for said in (polis("tree"), polis("show", "child")):
        assert said.code == 0
        for words in (
            "hunger 45 → 90",
            "seed 7 → 8",
            "food 50 % of capacity in all cells",
            "4 agents added",
            "agent 3: 5 food given",
        ):
            assert words in " ".join(said.out.split()).replace("│ │ ", ""), said.out
    runs = [json.loads(line) for line in polis("runs", "--json").out.splitlines()]
    assert [(r["name"], r["parent"], r["fork_tick"]) for r in runs] == [("village", None, None), ("child", 1, 9)]
    assert "village @ 9" in polis("runs").out
    again = polis("rerun", "child", "--name", "again", "--json", "--quiet")
    assert (again.code, again.json["head_hash"]) == (0, resumed.json["head_hash"]), again.err


def test_every_intervention_is_recorded_by_whom_and_why(polis):
    told = {
        ("--agent", "3", "--rest"): {"rest": True},
        ("--agent", "4", "--remove"): {"remove": True},
        ("--agent", "5", "--endow", "food=5000", "--endow", "coin=3"): {"endow": {"food": 5_000, "coin": 3}},
        ("--add", "2", "--cell", "70"): {"add": {"agents": 2, "cell": 70}},
        ("--stock", "wood=10%"): {"stock": {"good": "wood", "cells": "all", "percent": 10}},
        ("--stock", "ore=77", "--cells", "4,5"): {"stock": {"good": "ore", "cells": [4, 5], "amount": 77}},
    }
    for options, what in told.items():
        said = polis("intervene", "village", *options, "--by", "ana", "--why", "a test", "--json")
        assert said.code == 0, said.err
        assert said.json["answer"] == {"by": "ana", "why": "a test", **what}
        assert said.json["effect_tick"] == TICKS + 2
    assert polis("resume", "village", "--ticks", "5", "--json", "--quiet").code == 0
    lines = polis("events", "village", "--tick", str(TICKS + 2), "--json").out.splitlines()
    events = [json.loads(line) for line in lines]
    made = [e for e in events if e["kind"] == "InterventionMade"]
    assert len(made) == len(told) and {e["refused"] for e in made} == {None}
    assert {"AgentRested", "AgentDied", "AgentJoined", "GoodsEndowed", "StockChanged"} <= {e["kind"] for e in events}
    assert polis("reexecute", "village", "--json").code == 0


_REFUSED = (
    (("fork", "nobody"), "no run 'nobody'"),
    (("fork", "village", "--at", "21"), "it has ticks 0 to 20"),
    (("fork", "village", "--name", "village"), "choose another name"),
    (("fork", "village", "--set", "width=30"), "laid out"),
    (("fork", "village", "--set", "hunger=2000"), "between 0 and 1,000"),
    (("fork", "village", "--set", "thirst=1"), "no such setting"),
    (("fork", "village", "--set", "hunger"), "KEY=VALUE"),
    (("fork", "village", "--set", "mind=llama"), "from the beginning"),
    (("fork", "village", "--seed", str(2**63)), "64 bits"),
    (("fork", "village", "--intervene", "agent=99 rest"), "no agent '99' lives there"),
    (("fork", "village", "--intervene", "rest"), "whom does it concern"),
    (("fork", "village", "--intervene", "{]"), "no JSON"),
    (("fork", "village", "--intervene", "agent=3 fly"), "says nothing"),
    (("fork", "village", "--at", "9", "--intervene", "add=2 at=9"), "the fork is at tick 9"),
    (("fork", "village", "--why", "for fun"), "without a reason"),
    (("fork", "village", "--ticks", "99999999999"), "between 0 and 2,000,000,000"),
    (("tree", "nobody"), "no run 'nobody'"),
    (("thought", "village", "--all", "--tick", "21"), "it has ticks 0 to 20"),
    (("intervene", "village", "--agent", "3"), "nothing to do"),
    (("intervene", "village", "--rest"), "whom does it concern"),
    (("intervene", "village", "--agent", "3", "--add", "2"), "done to the world, so leave --agent out"),
    (("fork", "village", "--intervene", "agent=3 add=2"), "done to the world: leave the agent out"),
    (("fork", "village", "--intervene", '{"agent": 3, "bogus": 1}'), "'bogus' is nothing that can be done"),
    (("intervene", "village", "--agent", "3", "--endow", "food=-5"), "the amount '-5' is no whole number above 0"),
    (("intervene", "village", "--agent", "3", "--endow", "tool=1.5"), "the amount '1.5' is no whole number above 0"),
    (("intervene", "village", "--agent", "3", "--endow", "tool=2"), "food, wood, stone, ore, coin can be given"),
    (("fork", "village", "--intervene", "agent=3 endow.food=0"), "the amount '0' is no whole number above 0"),
    (("intervene", "village", "--agent", "3", "--endow", "food=9999999999999"), "'9999999999999' is too large"),
    (("intervene", "village", "--agent", "3", "--endow", "food=5", "--endow", "Food=7"), "'food' was given already"),
    (("fork", "village", "--intervene", "agent=3 endow.food=5 endow.FOOD=7"), "'endow.FOOD' was said already"),
    (("fork", "village", "--intervene", "agent=3 agent=4 rest"), "'agent' was said already"),
    (("fork", "village", "--intervene", "agent=3 rest rest"), "'rest' was said already"),
    (("fork", "village", "--intervene", '{"agent": 3, "endow": {"food": 5, "food": 7}}'), "'food' is there twice"),
    (("fork", "village", "--intervene", '{"agent": 3, "endow": {}}'), "does nothing"),
    (("fork", "village", "--intervene", "agent=3 rest at=99999999999"), "no run has so many"),
    (("intervene", "village", "--agent", "3", "--rest", "--at", "99999999999"), "no run has so many"),
    (("intervene", "village", "--agent", "3", "--news", "x" * 5_000), "(5,002 characters) is no text of 1 to 400"),
    (("intervene", "village", "--agent", "99", "--rest"), "no agent '99' lives there"),
    (("intervene", "village", "--agent", "3", "--rest", "--at", "20"), "can't take effect at tick 20"),
    (("intervene", "village", "--agent", "3", "--rest", "--remove"), "goes with nothing else"),
    (("intervene", "village", "--stock", "gold=4"), "does not lie in cells"),
    (("intervene", "village", "--stock", "food"), "GOOD=AMOUNT"),
    (("intervene", "village", "--agent", "3", "--endow", "food"), "GOOD=AMOUNT"),
    (("intervene", "village", "--add", "2", "--cells", "3"), "goes with --stock"),
    (("intervene", "village", "--add", "2", "--cell", "9999"), "no cell of the grid"),
)  # fmt: skip


def test_what_can_not_be_is_refused_with_a_line_and_exit_code_2(polis):
    for arguments, says in _REFUSED:
        said = polis(*arguments, "--json")
        assert said.code == 2, f"{arguments}: {said}"
        assert said.json["error"]["exit_code"] == 2 and says in said.json["error"]["message"], f"{arguments}: {said}"
        assert says in said.err and "Traceback" not in said.err and len(said.err) < 600
    assert len(polis("runs", "--json").out.splitlines()) == 1, "nothing was made"


def test_an_empty_name_is_nobodys(polis):
    for arguments in (
        ("fork", "village", "--at", "9", "--name", "never", "--by", ""),
        ("fork", "village", "--at", "9", "--name", "never", "--intervene", '{"add": {"agents": 1}, "by": ""}'),
        ("intervene", "village", "--add", "1", "--by", ""),
    ):
        said = polis(*arguments)
        assert (said.code, said.err.splitlines()[0]) == (2, "error: by '' names nobody"), said
    assert polis("show", "never").code == 2, "nothing was made"


def test_who_intervenes_in_vain_is_warned_and_the_summary_of_the_run_says_why(polis):
    made = polis("fork", "village", "--at", "9", "--name", "crowd", "--intervene", "add=20", "--why", "to see")
    told = "warning: add 20 agents will be refused at tick 10: there are homes for 14 more"
    assert made.code == 0 and told in made.err.replace("\n", " ")
    assert "polis events crowd --tick 10 --kind InterventionMade" in made.err
    resumed = polis("resume", "crowd", "--ticks", "3", "--quiet")
    assert resumed.code == 0, "a refusal is part of history, and no failure"
    assert "1 intervention, at tick 10, there are homes for 14 more" in resumed.out
    said = polis("intervene", "village", "--agent", "3", "--news", "The well is dry.", "--json")
    assert said.json["warnings"][0] in said.err and "no minds" in said.json["warnings"][0]
    assert said.json["effect_tick"] == TICKS + 2


def test_remarks_are_left_out_where_nobody_wants_them_and_warnings_still_come(polis):
    gift = ("--intervene", "agent=3 endow.food=5000")
    said = polis("fork", "village", "--at", "9", "--name", "told", *gift)
    assert said.code == 0 and "`polis resume told` runs it on" in said.err
    quiet = polis("fork", "village", "--at", "9", "--name", "quiet", *gift, "--quiet")
    assert (quiet.code, quiet.err) == (0, "") and "quiet · a fork of village" in quiet.out
    assert polis("intervene", "told", "--agent", "4", "--endow", "food=5", "--at", "12").err
    said = polis("intervene", "quiet", "--agent", "4", "--endow", "food=5", "--at", "12", "--quiet")
    assert (said.code, said.err) == (0, "")
    vain = polis("fork", "village", "--at", "9", "--intervene", "add=20", "--quiet")
    assert "warning: " in vain.err and "runs it on" not in vain.err, vain


def test_python_forks_and_runs_on(polis):
    with chronopolis.open("village") as village:
        with village.fork(at=9, settings={"hunger": 80}, interventions=[{"agent": 4, "remove": True}]) as child:
            assert child.forked_from == ("village", 9) and child.head_tick == 9
            summary = child.resume(4)
            assert (summary["head_tick"], child.head_tick, child.status) == (13, 13, "complete")
            assert child.events("AgentDied")["because"].to_list() == ["removed"]
            assert child.configuration.hunger == 80 and village.configuration.hunger == 45
            assert child.verify().ok
        with pytest.raises(BeyondHead):
            village.fork(at=TICKS + 1)
        with pytest.raises(RunExists):
            village.fork(at=3, name="village")
        with pytest.raises(WrongUsage):
            village.resume(0)
        assert village.forked_from is None and village.head_tick == TICKS


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("agent=17 endow.food=5000 endow.coin=2", {"agent": 17, "endow": {"food": 5_000, "coin": 2}}),
        ("agent='Ida Fox' news='The well is dry.'", {"agent": "Ida Fox", "news": "The well is dry."}),
        ("rest agent=3 at=40", {"agent": 3, "rest": True, "at": 40}),
        ("remove agent=3 by=ana why='to see'", {"agent": 3, "remove": True, "by": "ana", "why": "to see"}),
        ("cell=50 add=20", {"add": {"agents": 20, "cell": 50}}),
        ("stock.food=50%", {"stock": {"good": "food", "cells": "all", "percent": 50}}),
        ("cells=1,2 stock.ore=9", {"stock": {"good": "ore", "cells": [1, 2], "amount": 9}}),
        ('{"add": {"agents": 3}}', {"add": {"agents": 3}}),
    ],
)  # fmt: skip
def test_interventions_are_written_in_words_or_json(text, means):
    assert intervention_of(text) == means


@pytest.mark.parametrize(
    "text",
    ["", " ", "fly", "agent=", "add=many", "stock.food=-5", "stock.food=a%", "cells=1,,2", "'", "speed=9", "{",
     "at=1.5", "stock.food=5 stock.wood=5"],
)  # fmt: skip
def test_words_that_say_nothing_are_refused(text):
    with pytest.raises(WrongUsage):
        intervention_of(text)
