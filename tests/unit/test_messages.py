"""What a worker takes and what it sets aside, without a broker."""

from __future__ import annotations

import base64
import json
import pickle
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from domain.errors import PolisError, StoreUnavailable, UnknownRun
from infrastructure.settings import Settings
from workers import errors, messages
from workers.broker import client_url
from workers.errors import BadMessage, CrewFailed, QueueUnavailable
from workers.queue import celery_app
from workers.staff import thinking_for
from workers.tasks import patiently, run_of
from workers.transport import problem_of

pytestmark = pytest.mark.unit

GOOD = {
    "run": 1, "asked_tick": 5, "agent": 3, "purpose": "intention", "call": 0, "effect_tick": 25, "asked_chain": "ab",
    "percept": {"name": "Ada"}, "engine": {}, "settings": {"timeout_s": 30},
}  # fmt: skip


def test_a_request_is_read_as_it_was_sent_and_known_by_its_key():
    read = messages.think_request(GOOD)
    assert read.key == "think:1:5:3:intention:0:ab"
    assert read.model_dump()["percept"] == {"name": "Ada"}
    assert messages.project_request({"run": 1, "through": 9}).key == "project:1:9"


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"extra": 1}, "extra: "),
        ({"agent": "3"}, "agent: "),
        ({"agent": True}, "agent: "),
        ({"agent": -1}, "agent: "),
        ({"run": 2**31}, "run: "),
        ({"purpose": "x' OR 1"}, "purpose: "),
        ({"asked_chain": "zz"}, "asked_chain: "),
        ({"percept": []}, "percept: "),
        ({"settings": {"timeout_s": 1e9}}, "settings.timeout_s: "),
        ({"settings": {"timeout_s": 0}}, "settings.timeout_s: "),
        ({"percept": {"text": "x" * messages.BYTES_MAX}}, "more than"),
        ({"percept": {"n": float("nan")}}, "not JSON compliant"),
    ],
)
def test_a_field_that_is_wrong_is_named(change, because):
    with pytest.raises(BadMessage) as caught:
        messages.think_request({**GOOD, **change})
    assert because in caught.value.because


@pytest.mark.parametrize("message", [None, [], "x", 3, {}])
def test_what_is_no_request_at_all_is_refused(message):
    for read in (messages.think_request, messages.project_request, messages.ping):
        with pytest.raises(BadMessage):
            read(message)


def _envelope(**changes):
    body = base64.b64encode(json.dumps([[GOOD], {}, {}]).encode()).decode()
    good = {
        "body": body, "content-type": "application/json", "headers": {"task": messages.THINK, "id": "1"},
        "properties": {"body_encoding": "base64", "delivery_tag": "1", "delivery_info": {}},
    }  # fmt: skip
    return {**good, **changes}


def test_an_envelope_is_opened_only_if_it_is_ours():
    assert problem_of(_envelope()) == ""
    bad = [
        None, [], {}, _envelope(headers=None), _envelope(headers={"task": "os.system", "id": "1"}),
        _envelope(properties={}), _envelope(**{"content-type": "application/x-python-serialize"}),
        _envelope(body=7), _envelope(body="x" * 1_000_000), _envelope(body=base64.b64encode(b"{").decode()),
        _envelope(body=base64.b64encode(b"[[1],{\"a\":1},{}]").decode()),
    ]  # fmt: skip
    assert all(problem_of(envelope) for envelope in bad)


def test_brokers_are_redis_and_a_sockets_url_is_said_as_each_client_takes_it():
    assert client_url("redis+socket:///run/v.sock") == "unix:///run/v.sock?db=0"
    assert client_url("redis+socket:///run/v.sock?virtual_host=3") == "unix:///run/v.sock?db=3"
    assert client_url("redis+socket://:b%40@/run/v.sock") == "unix://:b%40@/run/v.sock?db=0"
    assert client_url("redis+socket://ana:b%40@/run/v.sock") == "unix://ana:b%40@/run/v.sock?db=0"
    assert client_url("rediss://host/1") == "rediss://host/1"
    for url in ("amqp://host", "host:6379", ""):
        with pytest.raises(QueueUnavailable, match="must begin with"):
            celery_app(url)


@pytest.mark.parametrize("url", ["amqp://host", "redis://:a/b@host:6379/0"])
def test_a_run_is_not_begun_with_an_address_that_is_no_brokers(tmp_path, url):
    thinks: Any = SimpleNamespace(configuration=SimpleNamespace(thinks=True, mind="openai"), engines={})
    with pytest.raises(QueueUnavailable), thinking_for(None, thinks, Settings(home=tmp_path, broker_url=url)):
        pass


def test_the_application_takes_json_alone_keeps_no_results_and_acknowledges_late():
    conf = celery_app("redis://127.0.0.1:1/0", deadline_s=20).conf
    assert conf.accept_content == ["json"]
    assert conf.task_acks_late and conf.task_reject_on_worker_lost and conf.task_ignore_result
    assert conf.worker_prefetch_multiplier == 1
    assert conf.broker_transport_options["visibility_timeout"] == 50
    assert {queue.name for queue in conf.task_queues} == {"minds", "memory", "assets", "runs"}


class _Parts:
    def __init__(self):
        self.mended = []

    def mend(self, name):
        self.mended.append(name)


def test_a_part_that_comes_back_is_waited_for_and_another_error_is_not():
    parts, tries = _Parts(), []

    def away_once():
        tries.append(1)
        if len(tries) == 1:
            raise StoreUnavailable("gone")
        return "recorded"

    def patient(do, deadline_s):
        return patiently(do, parts=parts, deadline_s=deadline_s, stopping=threading.Event())

    assert patient(away_once, 5) == "recorded"
    assert parts.mended == ["store"]
    tries.clear()
    assert patient(away_once, 0.1) is None
    with pytest.raises(ZeroDivisionError):
        patient(lambda: 1 // 0, 5)


def test_a_worker_that_leaves_does_not_wait_for_a_part_any_longer():
    stopping = threading.Event()
    stopping.set()

    def away():
        raise StoreUnavailable("gone")

    assert patiently(away, parts=_Parts(), deadline_s=60, stopping=stopping) is None


@pytest.mark.parametrize(
    "error",
    [
        QueueUnavailable("redis://:secret@host/0", "refused"),
        BadMessage("minds.think", "agent: not a number"),
        CrewFailed("minds-1", 31, Path("/x/log")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_pickling_stands_in_the_tree_and_keeps_no_password(error):
    arrived = pickle.loads(pickle.dumps(error))
    assert (type(arrived), vars(arrived), str(arrived)) == (type(error), vars(error), str(error))
    assert isinstance(error, PolisError)
    assert type(error).__name__ in (errors.__doc__ or "")
    assert "secret" not in str(error)


def test_a_run_is_found_by_its_number_even_if_another_is_named_so():
    class Store:
        named_seven, seventh = SimpleNamespace(id=2, name="7"), SimpleNamespace(id=7, name="brave-otter")

        def find(self, name):
            return self.named_seven if name == "7" else self.seventh

        def runs(self):
            return [(self.named_seven, None, None), (self.seventh, None, None)]

    assert run_of(Store(), 7) is Store.seventh
    with pytest.raises(UnknownRun):
        run_of(Store(), 9)
