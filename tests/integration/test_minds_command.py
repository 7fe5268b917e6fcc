"""`polis minds` against a small real server: its JSON, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chronopolis.cli import main
from chronopolis.cli.errors import ENVIRONMENT
from tests.support.engines import Engines, closed_port, engines  # noqa: F401
from tests.support.gossip import gossip_url  # noqa: F401
from tests.support.lora import write_peft_lora

pytestmark = pytest.mark.integration


def polis(capsys, *arguments: str) -> tuple[int, dict]:
    code = main.run(list(arguments))
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    for name in ("POLIS_MIND_URL", "POLIS_MIND_MODEL", "POLIS_MIND_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POLIS_HOME", str(tmp_path))
    return tmp_path


def test_calibrate_prints_a_profile(home, gossip_url: str, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setenv("POLIS_MIND_URL", gossip_url)
    code, profile = polis(capsys, "minds", "calibrate", "openai", "--seconds", "0.2", "--json", "--quiet")
    assert code == 0 and profile["ok"]
    assert profile["think_delay"] >= 1 and profile["think_budget"] >= 1 and profile["concurrency"] in (1, 2, 4)
    assert [row["concurrency"] for row in profile["measured"]] == [1, 2, 4]


def test_an_engine_that_is_down_is_the_environments_fault(home, monkeypatch, capsys):
    monkeypatch.setenv("POLIS_MIND_URL", f"http://127.0.0.1:{closed_port()}")
    code, said = polis(capsys, "minds", "calibrate", "openai", "--json")
    assert code == ENVIRONMENT and said["error"]["type"] == "EngineUnavailable"


def test_status_starts_nothing_and_says_what_is_missing(home, capsys):
    code, said = polis(capsys, "minds", "status", "--json")
    assert code == 0
    rows = {row["engine"]: row for row in said["engines"]}
    assert rows["llama"]["ready"] and rows["llama"]["servers"] == []
    assert "polis minds setup vllm" in rows["vllm"]["problem"]
    assert "POLIS_MIND_URL" in rows["openai"]["problem"]


def test_an_adapter_that_can_not_be_used_is_said_with_exit_code_3(home, tmp_path, capsys):
    code, said = polis(capsys, "minds", "adapter", "poet", str(tmp_path), "--json")
    assert code == ENVIRONMENT and said["error"]["type"] == "AdapterUnusable"
    code, said = polis(capsys, "minds", "serve", "llama", "--adapter", "poet", "--json")
    assert code == ENVIRONMENT and "there is no folder" in said["error"]["message"]


def test_an_adapter_is_taken_in_and_named_with_its_hash(home, tmp_path, capsys):
    code, said = polis(capsys, "minds", "adapter", "poet", str(write_peft_lora(tmp_path / "lora")), "--json")
    assert code == 0 and said["served"]["peft"].startswith("poet@") and len(said["served"]["peft"]) == 21
    assert (home / "adapters" / "poet" / "adapter_config.json").is_file()
