"""Who may come in: names, origins, tokens, sizes and rates, without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chronopolis.web.guard import BODY_MAX, Guard
from chronopolis.web.rates import TokenBucket

pytestmark = pytest.mark.unit

TOKEN = 'a "strange"; token'


class Inside:
    """What is guarded: it reads the whole body and answers 200."""

    def __init__(self) -> None:
        self.reached = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})


def ask(guard: Guard, path: str = "/", *, method: str = "GET", kind: str = "http", **headers: str) -> tuple[Any, dict]:
    """Return (status, headers) of an answer; of a websocket its first message."""
    given = {"host": "127.0.0.1:8765"} | {name.replace("_", "-"): value for name, value in headers.items()}
    path, _, query = path.partition("?")
    scope = {
        "type": kind, "path": path, "query_string": query.encode(), "client": ("127.0.0.1", 5),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value != "-"],
    }  # fmt: skip
    if kind == "http":
        scope["method"] = method
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    if kind == "websocket":
        return sent[0]["type"], {}
    told = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "127.0.0.1"])
def test_this_machine_may_be_asked_for_by_its_own_names(host: str) -> None:
    assert ask(Guard(Inside()), host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "-", "[", "evil@127.0.0.1",
     "192.168.1.7:8765", "127.0.0.1:x@evil", "a\x00b"],
)  # fmt: skip
def test_a_name_that_was_made_to_point_here_is_refused(host: str) -> None:
    inside = Inside()
    assert ask(Guard(inside), host=host)[0] == 403
    assert not inside.reached


def test_served_to_others_any_address_may_be_asked_for_and_no_name() -> None:
    guard = Guard(Inside(), host="0.0.0.0", allowed=["polis.example"])
    assert ask(guard, host="192.168.1.7:8765")[0] == 200
    assert ask(guard, host="polis.example")[0] == 200
    assert ask(guard, host="evil.example")[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://[", "file://"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_site_is_refused(origin: str, method: str) -> None:
    inside = Inside()
    assert ask(Guard(inside), "/api/runs/a/fork", method=method, origin=origin)[0] == 403
    assert not inside.reached


def test_a_page_of_ours_may_post_and_so_may_what_is_no_browser() -> None:
    guard = Guard(Inside())
    assert ask(guard, "/api/runs/a/fork", method="POST", origin="http://127.0.0.1:8765")[0] == 200
    assert ask(guard, "/api/runs/a/fork", method="POST")[0] == 200


def test_a_websocket_from_another_site_is_closed_before_it_is_accepted() -> None:
    inside = Inside()
    guard = Guard(inside)
    assert ask(guard, "/_nicegui_ws/socket.io/", kind="websocket", origin="http://evil.example")[0] == "websocket.close"
    assert ask(guard, "/_nicegui_ws/socket.io/", kind="websocket", host="evil.example")[0] == "websocket.close"
    assert not inside.reached
    ours = ask(guard, "/_nicegui_ws/socket.io/", kind="websocket", origin="http://127.0.0.1:8765")
    assert ours[0] == "websocket.accept"


def test_without_the_token_nothing_but_the_probe_is_answered() -> None:
    guard = Guard(Inside(), token=TOKEN)
    assert ask(guard, "/healthz")[0] == 200
    for path in ("/", "/api/runs", "/api/docs", "/healthz/", "//healthz"):
        assert ask(guard, path)[0] == 401, path
    assert ask(guard, kind="websocket")[0] == "websocket.close"


@pytest.mark.parametrize("shown", ["Bearer wrong", "Bearer", "", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"])
def test_a_wrong_token_is_refused(shown: str) -> None:
    assert ask(Guard(Inside(), token=TOKEN), authorization=shown)[0] == 401


def test_the_token_lets_in_as_a_header_and_as_a_cookie_that_the_address_sets() -> None:
    from urllib.parse import urlencode

    guard = Guard(Inside(), token=TOKEN)
    assert ask(guard, authorization=f"Bearer {TOKEN}")[0] == 200

    status, headers = ask(guard, "/run/a?" + urlencode({"tick": 5, "token": TOKEN}))
    assert (status, headers["location"]) == (303, "/run/a?tick=5"), "the token stays in no history"
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert TOKEN not in cookie
    assert ask(guard, cookie=cookie.partition(";")[0])[0] == 200
    assert ask(guard, kind="websocket", cookie=cookie.partition(";")[0])[0] == "websocket.accept"
    assert ask(Guard(Inside(), token="another one"), cookie=cookie.partition(";")[0])[0] == 401


def test_the_address_with_the_token_leads_nowhere_else() -> None:
    from urllib.parse import urlencode

    guard = Guard(Inside(), token=TOKEN)
    assert ask(guard, "//evil.example/?" + urlencode({"token": TOKEN}))[1]["location"] == "/evil.example/"


@pytest.mark.parametrize("size", [str(BODY_MAX + 1), "9" * 30, "-1", "x"])
def test_a_body_that_says_that_it_is_too_large_is_refused_unread(size: str) -> None:
    inside = Inside()
    assert ask(Guard(inside), "/api/x", method="POST", content_length=size)[0] == 413
    assert not inside.reached


def test_one_who_asks_too_often_is_told_to_slow_down_and_others_are_not() -> None:
    bucket = TokenBucket(rate=10, burst=3)
    assert [bucket.take("a", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert bucket.take("b", 0.0)
    assert bucket.take("a", 0.1)
    assert not bucket.take("a", 0.1)
    assert [bucket.take("a", 100.0) for _ in range(4)] == [True, True, True, False]

    guard = Guard(Inside(), reads=TokenBucket(1, 2))
    assert [ask(guard)[0] for _ in range(3)] == [200, 200, 429]
    assert ask(guard)[1]["retry-after"] == "1"


def test_clients_that_come_and_go_are_forgotten() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    for number in range(10_000):
        bucket.take(str(number), 0.0)
    assert len(bucket._left) <= 4_096


def test_answers_say_how_browsers_are_to_treat_them() -> None:
    headers = ask(Guard(Inside()))[1]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
