"""The client against engines good and bad: real HTTP on loopback, and each failure by its name."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from chronopolis.cli.doctor_minds import minds
from domain.errors import EngineAnsweredNonsense, EngineRefused, EngineTimedOut, EngineUnavailable
from domain.ports import Completion
from infrastructure.engines.address import api_url
from infrastructure.engines.client import ChatEngine, Dialect
from infrastructure.engines.health import is_healthy
from infrastructure.engines.line import Line
from infrastructure.settings import Settings
from tests.support.engines import Engines, closed_port, engines  # noqa: F401

pytestmark = pytest.mark.unit

IDENTITY = {
    "name": "openai", "version": "1", "model": "base", "model_hash": "0" * 64, "adapters": {}, "sampling": "greedy",
}  # fmt: skip
ASKED = Completion(({"role": "user", "content": "What now?"},), {"type": "object"}, max_tokens=32, seed=7)


def ask(url: str, dialect: Dialect | None = None, *, timeout_s: float = 5.0, asked: Completion = ASKED):
    engine = ChatEngine(url, dialect or Dialect("base"), IDENTITY, key="s3cret")
    try:
        return engine.complete(asked, timeout_s=timeout_s)
    finally:
        engine.close()


def test_a_request_has_schema_limit_seed_and_key(engines: Engines) -> None:  # noqa: F811
    said = ask(engines.url("good"))
    assert (said.text, said.tokens_in, said.tokens_out) == ('{"intention": "rest"}', 40, 7)
    [body] = engines.asked
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["max_tokens"], body["temperature"], body["seed"], body["model"]) == (32, 0, 7, "base")
    assert engines.headers[0]["Authorization"] == "Bearer s3cret"
    assert "lora" not in body


def test_a_schema_goes_as_a_grammar_without_spaces_where_the_engine_knows_that(engines: Engines) -> None:  # noqa: F811
    ask(engines.url("good"), Dialect("base", guided=True))
    [body] = engines.asked
    assert body["grammar"].startswith("%llguidance {}\nstart: %json {") and "response_format" not in body
    assert '"whitespace_flexible": false' in body["grammar"]


def test_a_seed_is_left_out_where_it_would_kill(engines: Engines) -> None:  # noqa: F811
    ask(engines.url("good"), Dialect("base", sends_seed=False))
    assert "seed" not in engines.asked[0]


def test_an_adapter_is_named_by_model_or_by_number(engines: Engines) -> None:  # noqa: F811
    asked = Completion(ASKED.messages, None, 8, 7, adapter="poet")
    said = ask(engines.url("good"), Dialect("base", {"poet": "poet@12ab"}), asked=asked)
    assert (engines.asked[0]["model"], said.adapter) == ("poet@12ab", "poet")
    numbered = Dialect("base", {"poet": 0, "monk": 1})
    ask(engines.url("good"), numbered, asked=asked)
    assert engines.asked[1]["lora"] == [{"id": 0, "scale": 1.0}, {"id": 1, "scale": 0.0}]
    ask(engines.url("good"), numbered)
    assert engines.asked[2]["lora"] == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]


def test_another_model_than_was_asked_for_is_no_answer(engines: Engines) -> None:  # noqa: F811
    with pytest.raises(EngineRefused, match="'base' answered in place of 'poet@12ab'"):
        ask(engines.url("good"), Dialect("poet@12ab", checks_model=True))


def test_a_model_that_thinks_first_is_given_room_then_constrained(engines: Engines) -> None:  # noqa: F811
    said = ask(engines.url("thinks"), Dialect("base", reasoning_tokens=64))
    thinking, answering = engines.asked
    assert "response_format" not in thinking and thinking["max_tokens"] == 64
    assert answering["response_format"] and answering["max_tokens"] == 32
    assert {"role": "assistant", "content": "I am tired."} in answering["messages"]
    assert (said.tokens_in, said.tokens_out) == (80, 14)


@pytest.mark.parametrize(
    ("behaviour", "error", "says"),
    [
        ("garbage", EngineAnsweredNonsense, "not JSON"),
        ("nested", EngineAnsweredNonsense, "not JSON"),
        ("other_json", EngineAnsweredNonsense, "not that of a chat completion"),
        ("a_list", EngineAnsweredNonsense, "not that of a chat completion"),
        ("no_text", EngineAnsweredNonsense, "no text"),
        ("ten_megabytes", EngineAnsweredNonsense, "larger than 1,048,576 bytes"),
        ("compressed", EngineAnsweredNonsense, "compressed"),
        ("not_http", EngineAnsweredNonsense, "does not speak HTTP"),
        ("hangs_up", EngineUnavailable, "disconnected"),
        ("cut", EngineUnavailable, "closed connection"),
        ("busy", EngineUnavailable, "HTTP 429: slow down"),
        ("broken", EngineUnavailable, "HTTP 500: CUDA out of memory"),
        ("loading", EngineUnavailable, "HTTP 503: Loading model"),
        ("bad_request", EngineRefused, "HTTP 400: max_tokens is too large"),
        ("no_key", EngineRefused, "HTTP 401: Invalid API Key"),
        ("no_model", EngineRefused, "HTTP 404: The model `base` does not exist"),
        ("moved", EngineRefused, "HTTP 302"),
    ],
)
def test_what_goes_wrong_has_a_name(engines: Engines, behaviour: str, error: type, says: str) -> None:  # noqa: F811
    with pytest.raises(error, match=says) as raised:
        ask(engines.url(behaviour))
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("behaviour", ["late", "drips"])
def test_the_deadline_is_over_the_whole_answer_and_not_over_a_read(engines: Engines, behaviour: str) -> None:  # noqa: F811
    began = time.monotonic()
    with pytest.raises(EngineTimedOut, match=r"0\.3 s"):
        ask(engines.url(behaviour), timeout_s=0.3)
    assert time.monotonic() - began < 0.9


def test_who_waits_for_an_answer_is_told_when_the_line_is_closed(engines: Engines) -> None:  # noqa: F811
    engine = ChatEngine(engines.url("soon_hangs"), Dialect("base"), IDENTITY)
    threading.Timer(0.5, engine.close).start()
    began = time.monotonic()
    with pytest.raises(EngineUnavailable, match="closed the line"):
        engine.complete(ASKED, timeout_s=60.0)
    assert time.monotonic() - began < 10


def test_a_line_that_is_closed_under_those_who_ask_leaves_nobody_waiting_and_nothing_open(engines: Engines) -> None:  # noqa: F811
    def ask_once(line: Line) -> bool:
        with contextlib.suppress(EngineUnavailable):
            line.post("/chat/completions", {}, timeout_s=30)
            return True
        return False

    url = engines.url("good").replace("127.0.0.1", "localhost")  # of two addresses: each is tried by a task of its own
    before = threading.active_count()
    with warnings.catch_warnings(record=True) as told, ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("always")
        for pause_ms in range(20):
            line = Line(url)
            answers = [pool.submit(ask_once, line) for _ in range(8)]
            time.sleep(pause_ms / 2_000)
            line.close()
            assert not ask_once(line)
            wait(answers)
        gc.collect()
    assert [each for each in told if each.category in (RuntimeWarning, ResourceWarning)] == []
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)  # the last loop is ending
    assert threading.active_count() <= before


def test_nobody_at_that_port_is_unavailable_and_a_password_is_struck_out() -> None:
    with pytest.raises(EngineUnavailable) as raised:
        ask(f"http://ada:hush@127.0.0.1:{closed_port()}")
    assert "hush" not in str(raised.value) and "ada:***@" in str(raised.value)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://here", "", "http://"])
def test_what_is_no_url_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(EngineRefused, match="no URL of an engine"):
        Line(url)


def test_the_version_is_added_where_only_a_host_is_given() -> None:
    assert api_url("http://here:11434/") == "http://here:11434/v1"
    assert api_url("http://here/v1/") == "http://here/v1"
    assert api_url("https://there/openai/v1") == "https://there/openai/v1"


def test_the_list_of_models_is_read(engines: Engines) -> None:  # noqa: F811
    engine = ChatEngine(engines.url("good"), Dialect("base"), IDENTITY)
    assert [model["id"] for model in engine.models()] == ["base"]
    engine.close()


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("dead_proxy")
def test_a_server_of_ours_is_looked_at_through_no_proxy(engines: Engines) -> None:  # noqa: F811
    assert is_healthy(f"http://127.0.0.1:{engines.port}", within_s=5)


def test_what_does_not_speak_http_is_not_well(engines: Engines) -> None:  # noqa: F811
    assert not is_healthy(f"http://127.0.0.1:{engines.port}/not_http", within_s=5)
    assert not is_healthy(f"http://127.0.0.1:{closed_port()}", within_s=5)


@pytest.mark.usefixtures("dead_proxy")
@pytest.mark.parametrize("path", ["", "/good/v1"])
def test_the_doctor_asks_an_engine_where_its_client_does(engines: Engines, path: str, tmp_path: Path) -> None:  # noqa: F811
    settings = Settings(home=tmp_path, mind_url=f"http://127.0.0.1:{engines.port}{path}")
    [check] = [check for check in minds(settings) if check.name == "engine"]
    assert check.status == "ok", check.found


def test_a_forked_child_opens_connections_of_its_own(engines: Engines) -> None:  # noqa: F811
    engine = ChatEngine(engines.url("good"), Dialect("base"), IDENTITY)
    assert engine.complete(ASKED, timeout_s=5).tokens_in == 40
    context = multiprocessing.get_context("fork")
    child = context.Process(target=lambda: engine.complete(ASKED, timeout_s=5))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert engine.complete(ASKED, timeout_s=5).tokens_in == 40
    engine.close()
