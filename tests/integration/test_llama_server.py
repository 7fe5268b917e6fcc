"""llama.cpp's server for real: answers by a schema, shared, killed, left behind, with adapters and without."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from chronopolis.cli.doctor_minds import minds
from domain.errors import EngineRefused, EngineTimedOut, EngineUnavailable
from domain.ports import Completion
from infrastructure.engines import child, engine_identity, open_engine
from infrastructure.engines.adapters import find_adapters, install_adapter
from infrastructure.engines.llama import shared_server
from infrastructure.engines.supervised import SupervisedEngine
from infrastructure.errors import AdapterUnusable, EngineServerFailed, ModelNotFound
from infrastructure.settings import Settings
from tests.contract.test_engine import ASKED, MESSAGES, Promises
from tests.support.lora import write_gguf_lora, write_peft_noise

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
OTHER_POLIS = """
import sys
from pathlib import Path
from infrastructure.engines.llama import shared_server
server = shared_server(None, Path(sys.argv[1]), {})
server.attach()
print(server.running.process.pid, flush=True)
sys.stdin.read()
server.leave()
"""


@contextmanager
def a_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="polis-e-"))
    yield folder
    for note in folder.glob("engines/*/server.json"):  # a failed test's
        os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home for tests of a server's beginning and end."""
    with a_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def busy_home() -> Iterator[Path]:
    """A home whose server is up all the time, as long as nobody kills it: it takes a second to start."""
    with a_home() as folder:
        other = open_engine("llama", Settings(home=folder))
        yield folder
        other.close()


@pytest.fixture
def engine(busy_home: Path) -> Iterator[SupervisedEngine]:
    engine = open_engine("llama", Settings(home=busy_home))
    assert isinstance(engine, SupervisedEngine)
    yield engine
    engine.close()


def eventually(true: Callable[[], bool], *, within_s: float = 30) -> None:
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)


def other_polis(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_POLIS, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


class TestLlama(Promises):
    """The promises of every engine, by the real one."""


def test_every_answer_follows_the_schema_four_at_a_time(engine: SupervisedEngine) -> None:
    near = [f"Bo{i} Hill" for i in range(3)]
    schema = {
        "type": "object",
        "properties": {
            "intention": {"enum": ["forage", "cut_wood", "rest", "socialise"]},
            "act": {"enum": ["none", "greet", "ask"]},
            "to": {"enum": [*near, "nobody"]},
            "say": {"type": "string", "maxLength": 40},
        },
        "required": ["intention", "act", "to", "say"],
        "additionalProperties": False,
    }

    def ask(i: int) -> dict[str, str]:
        said = f"You are Ada, a farmer, hunger {i} of 10. Near you: {', '.join(near)}. Answer in JSON."
        asked = Completion(({"role": "user", "content": said},), schema, max_tokens=64, seed=i)
        text = engine.complete(asked, timeout_s=200).text
        assert "\n" not in text, "white space costs tokens"
        return dict(json.loads(text))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    for answer in answers:
        assert list(answer) == ["intention", "act", "to", "say"]
        assert answer["to"] in (*near, "nobody") and len(answer["say"]) <= 40


def test_it_listens_on_loopback_alone_at_low_priority_and_asks_for_its_key(engine: SupervisedEngine) -> None:
    process = psutil.Process(engine.pid)
    assert [c.laddr.ip for c in process.net_connections("tcp") if c.status == "LISTEN"] == ["127.0.0.1"]
    assert process.nice() >= 10
    url = engine._server.running.url
    assert httpx.post(f"{url}/v1/chat/completions", json={"messages": []}).status_code == 401
    for name in ("wanted.json", "server.json"):
        assert (engine._server.folder / name).stat().st_mode & 0o777 == 0o600


def test_the_doctor_sees_it_and_how_soon_it_answers(engine: SupervisedEngine, busy_home: Path) -> None:
    (check,) = [check for check in minds(Settings(home=busy_home)) if check.name == "engine"]
    assert check.status == "ok" and f"llama, embedded (pid {engine.pid}, " in check.found
    assert re.search(r"answers in \d+\.\d ms", check.found)


def test_a_prompt_beyond_the_context_is_refused(engine: SupervisedEngine) -> None:
    long = Completion(({"role": "user", "content": "so " * 4000},), None, 8, 1)
    with pytest.raises(EngineRefused, match="exceeds the available context"):
        engine.complete(long, timeout_s=60)


def test_a_killed_server_comes_back_within_the_question(engine: SupervisedEngine) -> None:
    before = engine.pid
    os.kill(before, signal.SIGKILL)
    assert json.loads(engine.complete(ASKED, timeout_s=120).text)["intention"] in ("forage", "rest")
    assert engine.pid != before


def test_a_question_whose_time_is_up_does_not_wait_for_a_server_that_comes_back(engine: SupervisedEngine) -> None:
    os.kill(engine.pid, signal.SIGKILL)
    eventually(lambda: not engine._server.running.answers())
    began = time.monotonic()
    with pytest.raises((EngineUnavailable, EngineTimedOut)):  # by which of them shows how busy the machine is
        engine.complete(ASKED, timeout_s=0.1)
    assert time.monotonic() - began < 2
    assert engine.complete(ASKED, timeout_s=120).tokens_out > 0


def test_two_polis_share_one_server_and_the_last_to_leave_stops_it(home: Path) -> None:
    first = open_engine("llama", Settings(home=home))
    assert isinstance(first, SupervisedEngine)
    process = psutil.Process(first.pid)
    polis = other_polis(home)
    assert polis.stdout is not None
    assert int(polis.stdout.readline()) == first.pid
    first.close()
    assert process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    polis.communicate(timeout=60)
    eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_a_server_whose_only_polis_was_killed_knows_that_it_is_abandoned(home: Path) -> None:
    polis = other_polis(home)
    assert polis.stdout is not None
    pid = int(polis.stdout.readline())
    folder = shared_server(None, home, {}).folder
    assert not child._is_abandoned(folder)
    polis.kill()
    polis.wait()
    assert child._is_abandoned(folder)
    with shared_server(None, home, {}) as server:  # and whoever comes first takes it over
        assert server.running.process.pid == pid


def test_an_adapter_answers_where_it_is_asked_for_and_nowhere_else(home: Path, tmp_path: Path) -> None:
    write_gguf_lora(tmp_path / "adapter.gguf")
    install_adapter(home, "odd", tmp_path)
    recorded = engine_identity("llama", Settings(home=home), adapters=["odd"])
    assert recorded["adapters"].keys() == {"odd"} and len(recorded["adapters"]["odd"]) == 64
    plain = Completion(MESSAGES, None, 12, 7)
    engine = open_engine(recorded, Settings(home=home))
    try:
        before = engine.complete(plain, timeout_s=120)
        turned = engine.complete(Completion(MESSAGES, None, 12, 7, adapter="odd"), timeout_s=120)
        after = engine.complete(plain, timeout_s=120)
    finally:
        engine.close()
    assert (before.adapter, turned.adapter, after.adapter) == (None, "odd", None)
    assert before.text == after.text != turned.text


def test_an_adapter_that_peft_saved_answers_under_llama_too(home: Path, tmp_path: Path) -> None:
    write_peft_noise(tmp_path / "noise")
    write_peft_noise(tmp_path / "nothing", strength=0.0)
    for name in ("noise", "nothing"):
        install_adapter(home, name, tmp_path / name)
    recorded = engine_identity("llama", Settings(home=home), adapters=["noise", "nothing"])
    peft = find_adapters(home, ["noise", "nothing"], form="peft")
    assert recorded["adapters"] == {name: adapter.hash for name, adapter in peft.items()}, "the same, whoever serves it"
    engine = open_engine(recorded, Settings(home=home))
    try:
        plain, noise, nothing = (
            engine.complete(Completion(MESSAGES, None, 12, 7, adapter=name), timeout_s=120).text
            for name in (None, "noise", "nothing")
        )
    finally:
        engine.close()
    assert plain == nothing != noise


def test_an_adapter_that_was_changed_since_is_refused(home: Path, tmp_path: Path) -> None:
    install_adapter(home, "changed", write_gguf_lora(tmp_path / "adapter.gguf").parent)
    recorded = engine_identity("llama", Settings(home=home), adapters=["changed"])
    write_gguf_lora(home / "adapters" / "changed" / "adapter.gguf", seed=2)
    with pytest.raises(EngineRefused, match="was made with adapters"):
        open_engine(recorded, Settings(home=home))
    with pytest.raises(AdapterUnusable, match="another one of that name"):
        install_adapter(home, "changed", tmp_path)


def test_an_adapter_of_another_model_is_refused_at_the_start_with_the_reason(home: Path, tmp_path: Path) -> None:
    install_adapter(home, "wide", write_gguf_lora(tmp_path / "adapter.gguf", hidden=1024).parent)
    with pytest.raises(EngineServerFailed, match="incorrect shape"):
        shared_server(None, home, find_adapters(home, ["wide"], form="gguf")).attach()


def test_a_file_that_is_no_model_is_refused_with_the_reason(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="No such file"):
        open_engine("llama", Settings(home=home, mind_model=str(tmp_path / "none.gguf")))
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ModelNotFound, match="no GGUF file"):
        open_engine("llama", Settings(home=home, mind_model=str(tmp_path / "text.gguf")))
    (tmp_path / "cut.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(EngineServerFailed, match="could not start"):
        open_engine("llama", Settings(home=home, mind_model=str(tmp_path / "cut.gguf")))


def test_a_run_made_with_another_model_is_refused(home: Path) -> None:
    recorded = engine_identity("llama", Settings(home=home)) | {"model_hash": "0" * 64}
    with pytest.raises(EngineRefused, match="was made with model_hash"):
        open_engine(recorded, Settings(home=home))
