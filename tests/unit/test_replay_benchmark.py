"""What `make bench-replay` writes is well formed, says what it did not measure, and a run that fails is no record."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.plan import Plan
from benchmarks.replay_page import write_page
from benchmarks.replay_questions import Asker, Wrong
from benchmarks.samples import pack, summary_of
from benchmarks.soak import record
from benchmarks.soak_drift import drift_rows, drift_words

ROOT = Path(__file__).parent.parent.parent
MACHINE = {"when": "now", "commit": "0" * 40, "cores": 2, "model": "m", "memory_gb": 8, "load_1min": 0.1, "python": "3"}


def seeks(ms):
    return {"again": summary_of(ms) | {"samples": pack(ms)}}


def written(folder, **figures):
    result = {"machine": MACHINE, "scale": "full", "seed": 7, "missing": {}, **figures}
    result["run"] = {"name": "soak", "agents": 500, "ticks": 9, "events": 99, "bytes": 2**31, "snapshots": 1}
    (folder / "replay.json").write_text(json.dumps(result))
    return write_page(folder)


def test_the_page_says_whether_seeking_meets_its_bar(tmp_path):
    pytest.importorskip("matplotlib")
    assert "p95 ≤ 100: met" in written(tmp_path, seek=seeks([20.0] * 99 + [900.0]))
    assert (tmp_path / "replay.png").stat().st_size > 5_000
    assert "p95 ≤ 100: **not met**" in written(tmp_path, seek=seeks([20.0] * 80 + [101.0] * 20))


def test_the_page_says_what_was_not_measured(tmp_path):
    page = written(tmp_path, missing={"why": "ImportError: no module"})
    assert "Not measured: why (ImportError: no module)" in page and "seek to a random tick" not in page


def test_a_soak_cut_short_still_has_a_page(tmp_path):
    pytest.importorskip("matplotlib")
    minute = {"second": 60.0, "tick": 5, "ticks": 6, "tick_ms": {"p50": 1.0, "p99": 2.0, "max": 3.0}, "rss_mb": 300.0}
    memory = {"second": 60.0, "runner_rss_mb": 310.0, "pss_all_mb": 900.0}
    soak = {"machine": MACHINE, "agents": 500, "ticks": 180_000, "pace_ms": 10.0, "durability": "tick",
            "minutes": [minute], "memory": [memory]}  # fmt: skip
    (tmp_path / "soak.json").write_text(json.dumps(soak))
    page = write_page(tmp_path)
    assert "paced at 10 ms" in page and "2.00, 2.00" in page and (tmp_path / "soak.png").exists()
    assert "1 minutes are too few to tell a drift from noise" in page


def soak_of(p99, **about):
    minutes = [{"second": 60.0 * (i + 1), "tick_ms": {"p50": 1.0, "p99": ms, "max": ms}} for i, ms in enumerate(p99)]
    return {"machine": MACHINE | about, "minutes": minutes, "memory": [{"second": 60.0}]}


def test_a_drift_is_told_from_noise_or_not():
    noise = [8 + (7 * i % 5) / 5 for i in range(30)]
    assert "Over all 30 minutes p99 shows no drift that could be told from noise." in drift_words(soak_of(noise))
    assert "Over all 30 minutes p99 rises by 0.10 ms" in drift_words(soak_of([n + i / 10 for i, n in enumerate(noise)]))
    late_start = [9.0] * 12 + [4 + i / 4 for i in range(18)]
    said = drift_words(soak_of(late_start, load_1min=3.4))
    assert "Without the first third it rises by" in said and "the quietest minute of all, the 13th with 4.00 ms" in said
    assert "a load of 3.4 on 2 cores" in said and "can't be told from these figures" in said
    watched = soak_of(noise) | {"memory": [{"load_1min": 1.2}, {"load_1min": 2.5}]}
    assert "1.2 to 2.5 while it ran" in drift_words(watched)
    assert len(drift_rows(watched)) == 6


def test_a_wrong_answer_has_no_time():
    asker = Asker.__new__(Asker)
    with pytest.raises(Wrong, match="another tick"):
        asker._require(False, "the diff names another tick")


@pytest.mark.slow
def test_a_run_that_fails_is_no_record(tmp_path):
    with pytest.raises(RuntimeError, match=r"code 2.*InvalidConfiguration"):
        record(tmp_path / "h", Plan("tiny"), name="bad", agents=0, ticks=5, pace_ms=None, out=tmp_path / "soak.json")


@pytest.mark.slow
def test_a_small_run_is_recorded_and_asked_everything(tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-m", "benchmarks.replay", "--tiny", "--record", "pace10", "--agents", "20"]
    command += ["--ticks", "60", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "replay.json").read_text())
    assert result["missing"] == {} and result["run"]["ticks"] == 60
    assert {"seek", "step", "fork_and_diff", "bisect", "why"} <= result.keys()
    soak = json.loads((tmp_path / "soak.json").read_text())
    assert sum(minute["ticks"] for minute in soak["minutes"]) == 60 and soak["summary"]["head_tick"] == 60
    assert "| step back |" in (tmp_path / "replay.md").read_text()
