"""What `make bench` writes is well formed. How fast anything is, is never asserted."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bars import bars
from benchmarks.report import bars_table, write_report
from benchmarks.samples import pack, slope, summary_of, trend, unpack
from benchmarks.tables import table

ROOT = Path(__file__).parent.parent.parent


def test_packed_samples_come_back_to_ten_microseconds():
    ms = np.array([0.0, 0.004, 1.234, 57.0, 123_456.78])

    assert np.allclose(unpack(pack(ms)), ms, atol=0.005)
    assert len(unpack(pack([]))) == 0


def test_percentiles_are_of_all_samples():
    found = summary_of(range(1, 1001))

    assert (found["n"], found["max"]) == (1000, 1000)
    assert found["p50"] == pytest.approx(500.5)
    assert found["p99"] == pytest.approx(990.01)
    assert summary_of([]) == {"n": 0}


def test_a_slope_is_per_minute():
    assert slope([0, 1, 2, 3], [10, 11, 12, 13]) == pytest.approx(60)
    assert slope([0], [1]) == 0


def test_a_trend_is_not_moved_by_a_few_noisy_minutes():
    minutes = [60 * i for i in range(30)]
    noisy = [10 + 0.1 * i + (50 if i in (3, 28, 29) else 0) for i in range(30)]
    drift, low, high = trend(minutes, noisy)
    assert drift == pytest.approx(0.1, abs=0.01) and low <= drift <= high
    assert slope(minutes, noisy) > 0.4, "as a line of least squares is"
    assert trend([0, 60], [1, 2]) == (0, 0, 0)


def test_a_table_aligns_its_figures():
    assert table(["what", "n"], [["a", 1], ["b", 2]]) == "| what | n |\n|---|---:|\n| a | 1 |\n| b | 2 |\n"


def test_a_bar_that_was_not_measured_says_how_to_measure_it():
    found = bars({})

    assert found and all(bar.met is None for bar in found)
    assert "--only ticks" in bars_table(found)


def test_a_bar_is_met_or_not_by_its_figure():
    def recovery(seconds, lost_nothing=True):
        kill = {"first_durable_tick_s": seconds, "lost_nothing": lost_nothing}
        return next(bar for bar in bars({"recovery": {"result": {"kills": [kill]}}}) if "kill -9" in bar.what)

    assert recovery(14.9).met
    assert not recovery(15.1).met
    assert not recovery(1.0, lost_nothing=False).met


def test_a_window_without_checkpoint_or_snapshots_says_nothing_about_the_bar_of_ticks():
    def verdict(snapshots, checkpoint):
        row = {"agents": 500, "durability": "tick", "pace_ms": None, "ticks_per_s": 500, "snapshots": snapshots}
        row |= {"checkpoint": checkpoint, "tick_ms": {"p50": 1.0, "p99": 2.0, "max": 9.0}}
        return bars({"ticks": {"result": {"windows": [row], "autovacuum": {"setting": "on"}}}})[0].met

    assert verdict(3, {"seconds": 0.5}) is True
    assert verdict(2, {"seconds": 0.5}) is None
    assert verdict(3, {}) is None


def test_a_cost_that_rises_with_size_is_not_flat():
    def scaling(*costs):
        sizes = [{"agents": 500, "all_ns": {"median": cost}, "durable_ns": {"median": 1.0}} for cost in costs]
        return bars({"scaling": {"result": {"sizes": sizes}}})

    assert [bar.met for bar in scaling(500, 400) if "without a database" in bar.what] == [True]
    assert [bar.met for bar in scaling(500, 600) if "without a database" in bar.what] == [False]


def test_a_page_says_how_a_figure_was_measured_and_not_how_it_would_be_today(tmp_path):
    result = json.loads((ROOT / "docs/benchmarks/recovery.json").read_text()) | {"about": "By a clock on the wall."}
    (tmp_path / "recovery.json").write_text(json.dumps(result))

    write_report(tmp_path)

    assert "## Recovery\n\nBy a clock on the wall.\n" in (tmp_path / "README.md").read_text()


@pytest.mark.slow
def test_a_small_run_writes_results_a_page_and_a_plot(tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--only", "ticks", "--out", str(tmp_path), "--seed", "3"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "ticks.json").read_text())
    assert (result["benchmark"], result["scale"], result["seed"]) == ("ticks", "tiny", 3)
    assert {"cores", "model", "memory_gb", "commit"} <= result["machine"].keys()
    assert result["server"]["settings"]["fsync"] == "on"
    assert result["result"]["autovacuum"]["setting"] == "on"
    for window in result["result"]["windows"]:
        assert window["tick_ms"]["n"] == len(unpack(window["samples"])) > 0
        assert window["checkpoint"]["seconds"] > 0
        assert set(window["share"]) == {"decide", "fold", "hash", "encode", "commit"}
    (floor,) = result["result"]["floors"]
    paced = result["result"]["windows"][0]
    assert (floor["events"], floor["commit_ms"]["n"]) == (paced["events"], paced["tick_ms"]["n"]), "the very same rows"
    assert "| 50 | tick | 10 ms |" in (tmp_path / "README.md").read_text()
    assert (tmp_path / "ticks.png").stat().st_size > 5_000
    assert list(tmp_path.glob("*.part")) == []
    assert "| what | bar | measured |" in write_report(tmp_path)
