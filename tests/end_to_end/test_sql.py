"""`polis sql`, `polis export`, `polis db refresh`, the Python API and the notebook, on one recorded village."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import polars as pl
import psycopg
import pytest
from nbclient import NotebookClient
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

import chronopolis
from chronopolis import cookbook
from chronopolis.cli import main
from chronopolis.cli.output import Output
from chronopolis.cli.sql_prompt import Catalogue, SqlCompleter, converse
from chronopolis.cookbook_pictures import draw
from chronopolis.errors import WrongUsage
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.errors import BadQuery, QueryTimedOut
from tests.support.commands import home_with_server
from workers.bootstrap import open_analyst, open_store

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

VILLAGE = "talking-otter"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home with a village that has lived for a while."""
    settings = {k: v for k, v in cookbook.SETTINGS.items() if k not in ("agents", "width", "height", "mind")}
    settings |= {"lifespan": 130, "adulthood": 20, "birth_interval": 30, "think_budget": 800, "hunger": 160}
    options = [part for k, v in settings.items() for part in ("--set", f"{k}={v}")]
    with home_with_server() as folder:
        size = ["--ticks", "220", "--agents", "40", "--width", "16", "--height", "16"]
        made = ["--name", VILLAGE, "--seed", "5", "--mind", "scripted", "--durability", "group", "--quiet"]
        assert main.run(["run", *made, *size, *options]) == 0
        yield folder


# -- polis sql ---------------------------------------------------------------------------------------


def test_json_is_one_object_a_row_a_line_each(polis):
    said = polis("sql", VILLAGE, "-c", "SELECT kind, count(*) AS n FROM events GROUP BY kind ORDER BY n DESC", "--json")
    assert said.code == 0
    counts = {row["kind"]: row["n"] for row in said.lines}
    told = json.loads(polis("show", VILLAGE, "--json").out.splitlines()[-1])
    assert sum(counts.values()) == told["events"]
    assert {"SpeechMade", "AgentDied", "ThoughtTaken"} <= set(counts)


@pytest.mark.parametrize("view", ["events", "moves", "trades", "utterances", "thoughts", "deliberations", "memories"])
def test_the_views_that_scripts_rely_on_are_there_with_and_without_a_run(polis, view):
    for run in ([VILLAGE], []):
        said = polis("sql", *run, "-c", f"SELECT * FROM {view}", "--limit", "3", "--json")
        assert said.code == 0
        assert all({"run", "agent"} <= set(row) for row in said.lines)


def test_csv_parquet_files_and_standard_input(polis, home, tmp_path, monkeypatch):
    said = polis("sql", VILLAGE, "-c", "SELECT tick, text FROM speeches ORDER BY tick, ordinal LIMIT 5", "--csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert (len(rows), list(rows[0])) == (5, ["tick", "text"])
    file = tmp_path / "speeches.parquet"
    assert polis("sql", VILLAGE, "-c", "SELECT tick, text FROM speeches ORDER BY 1", "--parquet", str(file)).code == 0
    frame = pl.read_parquet(file)
    assert frame.schema == {"tick": pl.Int32, "text": pl.String}
    assert polis("sql", VILLAGE, "-c", "SELECT 1 AS a WHERE false", "--parquet", str(file)).code == 0
    assert pl.read_parquet(file).shape == (0, 1)
    query = tmp_path / "q.sql"
    query.write_text("-- two\nSELECT 1 AS a; SELECT ';' AS b;\n")
    assert polis("sql", VILLAGE, "-f", str(query), "--json").lines == [{"a": 1}, {"b": ";"}]
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 2 AS c"))
    assert polis("sql", VILLAGE, "--json").lines == [{"c": 2}]


def test_more_rows_than_the_limit_are_cut_and_that_is_said(polis):
    said = polis("sql", VILLAGE, "-c", "SELECT generate_series(1, 20000) AS n", "--json")
    assert (said.code, len(said.lines)) == (0, 10_000)
    assert "cut after 10,000 rows" in said.err
    said = polis("sql", VILLAGE, "-c", "SELECT generate_series(1, 20000) AS n", "--json", "--limit", "0")
    assert len(said.lines) == 20_000
    assert "cut" not in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nobody", "-c", "SELECT 1"], 2, "nobody"),
        (
            [VILLAGE, "-c", "SELECT nope FROM trades"],
            2,
            'column "nope" does not exist, at position 8 (line 1, column 8)',
        ),
        ([VILLAGE, "-c", "SELECT 1 +"], 2, "syntax error at end of input, at position 11"),
        ([VILLAGE, "-c", "DELETE FROM runs"], 2, "'DELETE' is no question"),
        ([VILLAGE, "-c", "SET statement_timeout = 0"], 2, "'SET' is no question"),
        ([VILLAGE, "-c", "RESET ROLE"], 2, "no question"),
        ([VILLAGE, "-c", "COPY runs TO PROGRAM 'cat'"], 2, "no question"),
        ([VILLAGE, "-c", "/* SELECT */ DROP TABLE polis.ticks"], 2, "no question"),
        ([VILLAGE, "-c", "WITH x AS (DELETE FROM polis.runs RETURNING 1) SELECT * FROM x"], 2, "read-only"),
        ([VILLAGE, "-c", "SELECT pg_read_file('/etc/passwd')"], 2, "permission denied"),
        ([VILLAGE, "-c", "SELECT set_config('role', 'postgres', false)"], 2, "permission denied"),
        ([VILLAGE, "-c", "SELECT pg_sleep(30)", "--timeout", "0.3"], 3, "stopped after 0.3 s"),
        ([VILLAGE, "-c", ""], 2, "no query"),
        ([VILLAGE, "-f", "/nowhere.sql"], 2, "can't be read"),
        ([VILLAGE, "-c", "SELECT 1", "-f", "x.sql"], 2, "-c and -f"),
        ([VILLAGE, "-c", "SELECT 1", "--csv", "--json"], 2, "together"),
        ([VILLAGE, "-c", "SELECT 1; SELECT 2", "--parquet", "x"], 2, "takes one query"),
        ([VILLAGE, "-c", "SELECT 1", "--parquet", "/nowhere/x"], 2, "no folder"),
        ([VILLAGE, "-c", "SELECT 1", "--parquet", ""], 2, "name the file"),
        ([VILLAGE, "-c", "SELECT 1", "--limit", "-1"], 2, "limit"),
        ([VILLAGE, "-c", "SELECT $1"], 2, "requires 1"),
        ([VILLAGE, "-c", "SELECT 'infinity'::date"], 2, "cast it to text"),
        ([VILLAGE, "-c", "SELECT '-infinity'::timestamptz"], 2, "cast it to text"),
    ],
)
def test_what_can_not_be_asked_is_one_line_and_an_exit_code(polis, arguments, code, said):
    found = polis("sql", *arguments)
    assert found.code == code
    assert said in found.err
    assert found.err.startswith("error: ")
    assert "Traceback" not in found.err


def test_an_error_with_json_is_the_last_line_as_an_object(polis):
    found = polis("sql", VILLAGE, "-c", "SELECT nope", "--json")
    assert found.lines[-1]["error"]["type"] == "BadQuery"
    assert found.lines[-1]["error"]["exit_code"] == 2


def test_a_person_gets_a_table(polis):
    said = polis("sql", VILLAGE, "-c", "SELECT name, occupation FROM agents ORDER BY agent LIMIT 2")
    assert "name" in said.out
    assert "occupation" in said.out
    assert "2 rows in" in said.err


def test_asking_changes_nothing(polis):
    before = polis("show", VILLAGE, "--json").out
    polis("db", "refresh", VILLAGE, "--anew", "--json")
    polis("sql", VILLAGE, "-c", "SELECT count(*) FROM events", "--json")
    assert polis("show", VILLAGE, "--json").out == before
    assert polis("verify", VILLAGE, "--json").code == 0


def test_when_the_asker_is_killed_the_query_ends_soon(home):
    asking = [
        sys.executable,
        "-m",
        "chronopolis.cli.main",
        "sql",
        VILLAGE,
        "-c",
        "SELECT pg_sleep(300)",
        "--timeout",
        "300",
    ]
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(300)%' AND state = 'active'"
    process = subprocess.Popen(asking, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with EmbeddedPostgres(home) as embedded, psycopg.connect(embedded.admin_url, autocommit=True) as owner:

        def wait_until(count: int) -> None:
            until = time.monotonic() + 60
            while owner.execute(running).fetchone() != (count,):
                assert time.monotonic() < until
                time.sleep(0.2)

        wait_until(1)
        process.kill()
        process.wait()
        wait_until(0)


def test_views_that_are_filled_on_demand_are_never_answered_from_a_part(polis, tmp_path):
    questions = {view: f"SELECT max(tick) AS tick FROM {view}" for view in ("measures", "samples")}

    def fork(name: str) -> None:
        assert polis("fork", VILLAGE, "--at", "100", "--name", name, "--json").code == 0
        assert polis("resume", name, "--ticks", "105", "--quiet", "--json").code == 0

    fork("asked")
    for question, tick in ((questions["measures"], 205), (questions["samples"], 200)):
        assert polis("sql", "asked", "-c", question, "--json").lines == [{"tick": tick}]
    fork("asked-in-python")
    with chronopolis.open("asked-in-python") as run:
        assert run.sql(questions["measures"]).rows() == [(205,)]
    fork("among-others")
    for view, tick in (("measures", 205), ("samples", 200)):
        question = f"SELECT max(tick) AS tick FROM {view} JOIN runs r USING (run) WHERE r.name = 'among-others'"
        assert polis("sql", "-c", question, "--json").lines == [{"tick": tick}]
    fork("bisected")
    wanted = "SELECT value >= 0 FROM measures WHERE name = 'hungry' AND tick = :tick"
    said = polis("bisect", "bisected", "--sql", wanted, "--from", "203", "--json")
    assert (said.code, said.lines[-1]["tick"]) == (0, 203)
    fork("exported")
    assert polis("export", "exported", "--parquet", str(tmp_path / "out"), "--json").code == 0
    assert pl.read_parquet(tmp_path / "out" / "measures.parquet")["tick"].max() == 205


def test_where_completing_a_view_takes_long_an_answer_says_that_it_lacks_ticks(polis, monkeypatch):
    monkeypatch.setattr("chronopolis.completing.FIRST_EVENTS_MAX", 10)
    assert polis("fork", VILLAGE, "--at", "100", "--name", "lacking", "--json").code == 0
    said = polis("sql", "lacking", "-c", "SELECT count(*) AS n FROM measures WHERE tick = 100", "--json", "--quiet")
    assert "warning: measures may lack the newest ticks of lacking: `polis db refresh lacking` completes" in said.err
    assert "warning" not in polis("sql", "lacking", "-c", "SELECT 1 AS n", "--quiet").err


# -- the prompt --------------------------------------------------------------------------------------


def test_the_prompt_answers_goes_on_after_mistakes_and_keeps_its_history(home, capsys):
    typed = (
        "SELECT 41\n+ 1 AS answer;\n" "SELECT nope;\n" "\\d speeches\n" "\\d nothing\n" "\\views\n" "\\?\n" "\\x\n"
        "DROP TABLE runs;\n" "SELECT 7 AS seven;\n" "\\q\n"
    )  # fmt: skip
    with open_store() as store, open_analyst(store, store.find(VILLAGE)) as analyst, create_pipe_input() as keys:
        keys.send_text(typed.replace("\n", "\r"))
        with create_app_session(input=keys, output=DummyOutput()):
            converse(analyst, Output(), home, run=VILLAGE, limit=100)
    out, err = capsys.readouterr()
    assert "answer" in out
    assert "42" in out
    assert "conversation" in out, "the columns of speeches"
    assert "a barter, both sides of it" in out, "what a row of a view is"
    assert "seven" in out
    for said in ('column "nope" does not exist', "no view nothing", "means nothing here", "'DROP' is no question"):
        assert said in err
    assert "+ 1 AS answer;" in (home / "sql_history").read_text()


def test_completion_knows_columns_of_the_views_named_then_views_then_keywords(home):
    with open_store() as store, open_analyst(store, store.find(VILLAGE)) as analyst:
        completer = SqlCompleter(Catalogue(analyst))

    def offered(text: str, after: str = "") -> list[str]:
        return [c.text for c in completer.get_completions(Document(text + after, len(text)), CompleteEvent())]

    assert offered("SELECT con", " FROM speeches")[0] == "conversation"
    assert "conversation" not in offered("SELECT con", " FROM moves")
    assert offered("SELECT * FROM excha") == ["exchanges"]
    assert offered("sele")[0] == "select"
    assert offered("\\v") == ["\\views"]
    assert offered("SELECT ") == []


# -- Python ------------------------------------------------------------------------------------------


def test_the_python_api_asks_and_exports(home, tmp_path):
    with chronopolis.open(VILLAGE) as run:
        frame = run.sql("SELECT tick, count(*) AS events FROM events GROUP BY tick ORDER BY tick")
        assert frame["events"].to_list() == run.ticks["events"].to_list()
        assert run.sql("SELECT 1 AS a WHERE false").schema == {"a": pl.Int32}
        assert run.sql("SELECT generate_series(1, 9) AS n", limit=4).height == 4
        with pytest.raises(WrongUsage, match="one query"):
            run.sql("SELECT 1; SELECT 2")
        with pytest.raises(WrongUsage, match="no question"):
            run.sql("TRUNCATE runs")
        with pytest.raises(BadQuery):
            run.sql("SELECT nope")
        with pytest.raises(QueryTimedOut):
            run.sql("SELECT pg_sleep(9)", timeout_s=0.2)
        manifest = run.export(tmp_path / "out", last=50)
        assert manifest["last_tick"] == 50
    deaths = pl.read_parquet(tmp_path / "out" / "events" / "kind=AgentDied" / "*" / "*.parquet")
    assert deaths["tick"].max() <= 50


def test_export_keeps_its_contract(polis, tmp_path):
    folder = tmp_path / "out"
    said = polis("export", VILLAGE, "--parquet", str(folder), "--json")
    assert said.code == 0
    values = said.lines[-1]
    assert {"run", "first_tick", "last_tick", "head_hash", "events", "kinds", "rows", "folder", "bytes"} <= set(values)
    assert values["rows"]["samples"] > 0
    for arguments, code in (([], 2), (["--overwrite"], 0), (["--overwrite", "--from", "9", "--to", "3"], 2),
                            (["--overwrite", "--to", "99999"], 2)):  # fmt: skip
        assert polis("export", VILLAGE, "--parquet", str(folder), "--quiet", *arguments).code == code
    assert polis("export", "nobody", "--parquet", str(folder)).code == 2


# -- pages -------------------------------------------------------------------------------------------


def test_every_question_of_the_cookbook_has_a_picture_of_its_answer(home, tmp_path):
    with chronopolis.open(VILLAGE) as run:
        for question in cookbook.questions():
            rows = run.sql(question.sql)
            draw(question.name, rows, tmp_path / f"{question.name}.png")
            assert (tmp_path / f"{question.name}.png").stat().st_size > 5_000
            assert len(cookbook.markdown_table(rows)) == rows.height + 2


def test_the_cookbook_shows_its_queries_as_they_are():
    assert cookbook.problems() == []
    assert len(cookbook.questions()) >= 12


def test_the_notebook_runs_and_its_committed_output_names_no_machine(home, monkeypatch):
    file = ROOT / "docs" / "notebooks" / "analysis.ipynb"
    text = file.read_text()
    assert not any(word in text for word in (str(Path.home()), tempfile.gettempdir(), "POLIS_HOME"))
    assert len(text) < 200_000
    notebook = nbformat.read(file, as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code"), "outputs are kept"
    monkeypatch.setenv("POLIS_RUN", VILLAGE)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    last = notebook.cells[-2].outputs[0].text
    assert "events in" in last
