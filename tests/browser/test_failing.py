"""When things are not there: the server, a run, a tick. The page says so, keeps its place, and recovers."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import VILLAGE, Watched, drawn, tick_of
from tests.support.debugger import Polis, Server

Open = Callable[..., Page]
# A browser writes into its console whatever request of its own fails.
_AWAY = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_EMPTY_RESPONSE",
    "ERR_SOCKET_NOT_CONNECTED",
    "WebSocket",
    "Failed to fetch",
    "_nicegui_ws/socket.io",  # of a session that the server knew before it was killed
)


def test_a_server_that_is_killed_and_comes_back_finds_the_page_where_it_was(
    village: Open, server: Server, watched: Watched
) -> None:
    watched.forgiven = _AWAY
    page = village("?tick=140&agent=7")
    server.kill()
    page.keyboard.press("ArrowRight")  # kept frames can still be looked at
    page.wait_for_function("window.polis.clock.tick === 141")
    page.evaluate("window.polis.clock.seek(33)")
    expect(page.locator(".banner")).to_be_visible(timeout=15_000)
    expect(page.locator(".banner")).to_contain_text("does not answer")
    server.start()
    expect(page.locator(".banner")).to_be_hidden(timeout=30_000)
    drawn(page, 33, timeout=30_000)
    expect(page).to_have_url(re.compile(r"tick=33&agent=7"))
    page.wait_for_function("window.polis?.agent === 7")
    page.keyboard.press("ArrowRight")
    drawn(page, 34)


def test_who_only_looks_is_told_too_that_the_server_is_away(
    village: Open, new_page: Open, server: Server, watched: Watched
) -> None:
    watched.forgiven = _AWAY
    server.fork(VILLAGE, at=50, name="looked-at")
    pages = [village("?tick=140"), new_page(f"/compare?a={VILLAGE}&b=looked-at&tick=10")]
    drawn(pages[1])
    server.kill()
    for page in pages:
        expect(page.locator(".banner")).to_be_visible(timeout=15_000)
    server.start()
    for page in pages:
        expect(page.locator(".banner")).to_be_hidden(timeout=30_000)


def test_a_damaged_run_stands_in_the_list_with_the_reason_and_hides_no_other(recorded: Polis, new_page: Open) -> None:
    made = recorded("fork", VILLAGE, "--at", "50", "--name", "tampered-with")
    assert recorded.database_url
    options = "-c search_path=polis -c session_replication_role=replica"
    with psycopg.connect(recorded.database_url, autocommit=True, options=options) as connection:
        connection.execute("UPDATE runs SET parent = run WHERE run = %s", (made["run"],))
        try:
            page = new_page("/runs")
            row = page.locator("tr[data-run=tampered-with]")
            expect(row.locator("[data-test=status]")).to_have_text("damaged")
            expect(row.locator("[data-test=damage]")).to_contain_text("its lineage is damaged")
            expect(row.get_by_role("checkbox")).to_be_disabled()
            expect(page.locator(f"tr[data-run={VILLAGE}]").locator("[data-test=status]")).to_have_text("complete")
        finally:
            connection.execute("UPDATE runs SET parent = %s WHERE run = %s", (made["parent_run"], made["run"]))


def test_a_frame_that_failed_once_is_asked_for_again(village: Open, watched: Watched) -> None:
    watched.forgiven = ("500",)
    page = village("?tick=140")
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if "first=60" in route.request.url and not failed:
            failed.append(route.request.url)
            route.fulfill(status=500, json={"error": {"type": "Unlucky", "message": "once only"}})
        else:
            route.continue_()

    page.route("**/frames?*", fail_once)
    page.evaluate("window.polis.clock.seek(60)")
    drawn(page, 60)
    assert failed, "the frame was here before it was asked for"


def test_a_tick_that_somebody_damaged_is_said_to_be_and_time_runs_up_to_it(village: Open, watched: Watched) -> None:
    watched.forgiven = ("500",)
    page = village("?tick=140&agent=7")
    message = "tick 150, event 2: unknown kind 207"
    asked: list[str] = []

    def damaged(route: Route) -> None:
        query = {name: int(value) for name, value in re.findall(r"(first|count|tick)=(\d+)", route.request.url)}
        if query.get("tick", query.get("first", 0) + query.get("count", 1) - 1) < 150:
            return route.continue_()
        asked.append(route.request.url)
        return route.fulfill(status=500, json={"error": {"type": "CorruptHistory", "message": message}})

    page.route(re.compile("/(agents/7|frames)[?]"), damaged)
    page.evaluate("window.polis.clock.refetch(), window.polis.clock.setSpeed(64), window.polis.clock.play()")
    page.wait_for_function("window.polis.clock.tick === 149 && !window.polis.clock.playing")
    page.keyboard.press("ArrowRight")
    said = f"ick 150 can't be shown, this run is damaged: {message}"
    expect(page.locator(".lag")).to_have_text(f"t{said}")
    expect(page.locator("[data-test=inspector]")).to_contain_text(f"T{said}")
    expect(page.locator("[data-test=inspector]")).not_to_contain_text("ticks old")
    many = len(asked)
    page.wait_for_timeout(2500)  # after which a frame is asked for again that failed
    assert len(asked) == many, "asking again does not help"
    page.keyboard.press("ArrowLeft")
    drawn(page, 149)
    expect(page.locator(".lag")).to_be_hidden()
    expect(page.locator(".who .soft")).to_contain_text("ticks old")


def test_panels_are_of_the_cursors_tick_again_once_a_database_that_was_away_is_back(
    village: Open, server: Server, watched: Watched
) -> None:
    watched.forgiven = ("503",)
    page = village("?tick=140&agent=7")
    expect(page.locator(".who .soft")).to_contain_text("ticks old")
    away = [True]

    def refuse(route: Route) -> None:
        if away[0]:
            error = {"type": "StoreUnavailable", "message": "the store went away: nobody listens there"}
            route.fulfill(status=503, json={"error": error})
        else:
            route.continue_()

    page.route(re.compile("/(agents/7|events)[?]"), refuse)
    page.evaluate("window.polis.clock.seek(60)")
    expect(page.locator(".notice.bad")).to_contain_text("the store went away")
    away[0] = False
    age = server.get(f"/api/runs/{VILLAGE}/agents/7?tick=60")["age"]
    expect(page.locator(".who .soft")).to_contain_text(f"{age:,} ticks old")
    expect(page.locator("[data-test=inspector] .event").first).to_contain_text("60:")


def test_a_run_that_never_was_has_a_page_that_says_so_and_a_way_back(new_page: Open, watched: Watched) -> None:
    watched.forgiven = ("nobody-knows",)
    page = new_page("/run/nobody-knows")
    expect(page.get_by_role("heading", name="There is no run nobody-knows")).to_be_visible()
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("link", name=VILLAGE, exact=True)).to_be_visible()


def test_a_run_that_is_dropped_while_one_looks_at_it_is_told_to_be_gone(
    new_page: Open, recorded: Polis, watched: Watched
) -> None:
    name = "soon-gone"
    made = recorded(
        "run", "--name", name, "--agents", "12", "--width", "12", "--height", "12", "--ticks", "400", "--quiet"
    )
    watched.forgiven = (name, "404")
    page, beside = new_page(f"/run/{name}?tick=20"), new_page(f"/compare?a={VILLAGE}&b={name}&tick=20")
    drawn(page)
    drawn(beside)
    assert recorded.database_url
    with psycopg.connect(recorded.database_url, autocommit=True) as connection:
        connection.execute("SELECT polis.drop_run(%s, 'a test')", (made["run"],))
    page.keyboard.press("End")
    for each in (page, beside):
        expect(each.get_by_role("heading", name=f"There is no run {name}")).to_be_visible(timeout=20_000)
        expect(each.get_by_role("link", name="All runs")).to_be_visible()
    compared = new_page(f"/compare?a={VILLAGE}&b={name}")
    expect(compared.locator(".dead")).to_contain_text("because 'a test'")
    compared.set_viewport_size({"width": 390, "height": 800})  # a hash is one long word
    ends = "Math.max(...[...document.querySelectorAll('.dead *')].map((each) => each.getBoundingClientRect().right))"
    assert compared.evaluate(ends) <= 390


def test_a_comparison_without_its_runs_says_what_it_needs(new_page: Open, watched: Watched) -> None:
    page = new_page("/compare")
    expect(page.get_by_role("heading", name="Two runs are needed")).to_be_visible()
    watched.forgiven = ("nobody-knows",)
    page = new_page(f"/compare?a={VILLAGE}&b=nobody-knows")
    expect(page.get_by_role("heading", name="There is no run nobody-knows")).to_be_visible()


def test_a_page_that_is_not_there_says_so_in_the_projects_own_words(new_page: Open, watched: Watched) -> None:
    watched.forgiven = ("404",)
    page = new_page("/nothing/here")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    expect(page.locator(".dead")).to_contain_text("/nothing/here")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("light, dark, system")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="All runs").click()
    expect(page).to_have_url(re.compile("/runs$"))


def test_beside_the_pages_too_every_error_of_the_api_is_in_json(server: Server) -> None:
    for method, path, status in (
        ("DELETE", f"/api/runs/{VILLAGE}", 405),
        ("PUT", "/api/runs", 405),
        ("PUT", "/api", 404),
    ):
        request = urllib.request.Request(server.url + path, method=method)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.status == status
        assert set(json.load(refused.value)["error"]) == {"type", "message"}
        assert (refused.value.headers.get("Allow") == "GET") == (status == 405)


def test_nonsense_in_the_address_is_passed_over(village: Open) -> None:
    page = village("?tick=abc&agent=-1&event=x&marks=a,b,12&layer=%3Cscript%3E&tab=nothing")
    assert tick_of(page) == 0
    assert page.evaluate("window.polis.bookmarks.ticks") == [12]
    assert page.evaluate("window.polis.map.layer") == "land"


def test_a_page_that_asked_another_host_would_be_found_out(village: Open, watched: Watched) -> None:
    page = village("?tick=60")
    hosts = ("elsewhere.test", "192.0.2.7")
    for host in hosts:
        for ask in ("fetch(url, { mode: 'no-cors' }).catch(() => {})", "void (new Image().src = url)"):
            with page.expect_console_message(lambda said: host in said.location["url"]):  # noqa: B023
                page.evaluate(f"(url) => {ask}", f"http://{host}/")
    with pytest.raises(AssertionError, match=r"elsewhere\.test.*192\.0\.2\.7"):
        watched.check()
    watched.forgiven = hosts


def test_words_of_agents_are_text_and_never_markup(village: Open) -> None:
    page = village("?tick=60")
    page.evaluate("window.polis.people.learn(900001, '<img src=x onerror=alert(1)>')")
    page.keyboard.press("/")
    page.keyboard.type("<img")
    option = page.get_by_role("option").first
    expect(option).to_contain_text("<img src=x")
    assert option.locator("img").count() == 0
