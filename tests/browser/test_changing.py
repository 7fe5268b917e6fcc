"""Following a run that goes on, forking it, intervening, going on with it, comparing: all from the page."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import VILLAGE, Watched, drawn, shot, tick_of
from tests.support.debugger import Polis, Server

Open = Callable[..., Page]


@pytest.fixture
def going(recorded: Polis, server: Server) -> Iterator[str]:
    """The name of a run that goes on, some fifty ticks a second, until the test ends."""
    name = f"on-the-way-{len(server.get('/api/runs'))}"  # a run of its own for every test
    arguments = ("--agents", "40", "--width", "24", "--height", "24", "--ticks", "20000", "--pace", "20", "--seed", "9")
    process = recorded.start("run", "--name", name, *arguments, "--quiet")
    while name not in [run["name"] for run in server.get("/api/runs") if run["head_tick"] > 5]:
        assert process.poll() is None, "polis run ended early"
    yield name
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def test_a_live_run_is_followed_as_it_goes_until_one_looks_back(
    new_page: Open, going: str, recorded: Polis, server: Server
) -> None:
    page = new_page(f"/run/{going}?follow=1")
    drawn(page)
    expect(page.locator("[data-test=status]")).to_have_text("running")
    first = tick_of(page)
    page.wait_for_function(f"window.polis.clock.tick > {first + 20} && window.polis.track.shown.tick > {first + 15}")
    ahead = """() => new Promise((done) => {
        const { clock, track } = window.polis, early = [];
        let moves = 0;
        clock.on("cursor", (tick) => {
            if (!track.store.has(tick)) early.push(tick);
            if (++moves === 4) done(early);
        });
    })"""
    assert page.evaluate(ahead) == []  # the cursor moves on when the map can
    shot(page, "live")
    page.keyboard.press("Home")
    drawn(page, 0)
    expect(page.locator("[data-test=follow-head]")).to_have_attribute("aria-pressed", "false")
    head = page.evaluate("window.polis.clock.head")
    page.wait_for_function(f"window.polis.clock.head > {head + 10}")
    assert tick_of(page) == 0
    page.click("[data-test=follow-head]")
    page.wait_for_function(f"window.polis.clock.tick > {head + 10}")
    page.keyboard.press("5")
    recorded.running[-1].send_signal(signal.SIGTERM)
    expect(page.locator(".bar [data-test=status]")).to_have_text("paused", timeout=15_000)
    end = server.get(f"/api/runs/{going}")
    expect(page.locator("[data-test=run-head]")).to_have_text(
        f"Tick {end['head_tick']:,} of 20,000 · {end['events']:,} events"
    )
    expect(page.locator("[data-test=run-panel]")).to_contain_text(end["head_hash"][:24])


def test_measures_of_a_run_that_is_faster_than_they_are_counted_are_the_newest_with_their_tick(
    new_page: Open, going: str, server: Server
) -> None:
    page = new_page(f"/run/{going}?follow=1")
    drawn(page)
    asked: list[str] = []

    def answer_once(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.continue_()

    page.route("**/measures?*points=128", answer_once)  # those at the cursor
    page.keyboard.press("4")
    page.wait_for_function("window.polis.clock.head > 200")
    behind = page.locator("[data-test=measures-behind]")
    expect(behind).to_have_text(re.compile("^Values are those of tick [0-9,]+, the newest"))
    tick = int(re.sub("[^0-9]", "", behind.inner_text()))
    truth = server.get(f"/api/runs/{going}/measures?first={tick}&last={tick}&names=food")["series"]
    expect(page.locator("[data-measure=food] .measure-value")).to_have_text(f"{truth['food'][0] / 1000:,.0f}")
    page.keyboard.press("Home")
    expect(behind).to_be_hidden()


def _seen(page: Page, on: bool) -> None:
    """Bring a tab to the front, or another one before it, which a browser without a window never does of itself."""
    page.evaluate(
        """(on) => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => !on });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        arg=on,
    )


def test_a_tab_that_nobody_sees_does_not_listen_and_catches_up_once_it_is_seen(new_page: Open, going: str) -> None:
    page = new_page(f"/run/{going}?tick=3")
    drawn(page)
    _seen(page, False)
    page.wait_for_function("navigator.locks.query().then(({ held }) => held.length === 0)")
    head = page.evaluate("window.polis.clock.head")
    page.wait_for_timeout(500)
    assert page.evaluate("window.polis.clock.head") == head
    _seen(page, True)
    page.wait_for_function(f"window.polis.clock.head > {head + 20}")


_HAS_A_STREAM = """async () => {
    const held = async () => (await navigator.locks.query()).held;
    const own = async () => (await held()).find(({ name }) => name === "whose").clientId;
    const me = await navigator.locks.request("whose", own);
    return (await held()).some(({ name, clientId }) => name.startsWith("polis.stream.") && clientId === me);
}"""


def test_of_many_windows_that_are_all_seen_each_is_told_of_its_run_and_a_browser_has_connections_left(
    new_page: Open, going: str, server: Server
) -> None:
    # A comparison follows two runs: a browser has six connections to a server, and so none for the seventh stream.
    windows = [new_page(f"/compare?a={going}&b={VILLAGE}&tick=3") for _ in range(3)]
    windows.append(new_page(f"/run/{going}?tick=3"))
    for page in windows:
        drawn(page)
        head = page.evaluate("window.polis.clock.head")
        page.wait_for_function(f"window.polis.clock.head > {head + 20}")
    for page in windows[:2]:
        page.goto(server.url + "/healthz")
    windows[-1].wait_for_function(_HAS_A_STREAM)  # whose place is free now, if it was not before


def test_what_is_pressed_stays_under_the_hand_and_the_focus_where_it_is_while_a_run_goes_on(
    new_page: Open, going: str
) -> None:
    page = new_page(f"/run/{going}?tab=run")
    drawn(page)
    later = "(head) => window.polis.clock.head > head + 20"
    stop = page.get_by_role("button", name="Stop after this tick")
    stop.focus()
    page.wait_for_function(later, arg=page.evaluate("window.polis.clock.head"))
    expect(stop).to_be_focused()
    stop.hover()
    page.mouse.down()
    page.wait_for_function(later, arg=page.evaluate("window.polis.clock.head"))
    page.mouse.up()
    expect(page.locator(".bar [data-test=status]")).to_have_text("paused", timeout=15_000)
    expect(page.locator("[data-test=continue]")).to_be_visible()


def test_the_list_of_runs_shows_them_with_forks_under_their_parents(new_page: Open, server: Server) -> None:
    server.fork(VILLAGE, at=100, name="listed-fork")
    page = new_page("/")
    expect(page).to_have_url(re.compile("/runs$"))
    names = page.locator("tr[data-run]")
    expect(names.filter(has_text="listed-fork")).to_contain_text("from tick 100")
    listed = [row.get_attribute("data-run") for row in names.all()]
    assert listed.index("listed-fork") > listed.index(VILLAGE)
    shot(page, "runs")
    page.fill("[data-test=filter-runs]", "talking")
    expect(names).to_have_count(1)
    names.first.click()
    expect(page).to_have_url(re.compile(f"/run/{VILLAGE}"))
    drawn(page)


def test_a_fork_made_from_the_page_goes_on_by_itself(village: Open, server: Server) -> None:
    page = village("?tick=150")
    page.keyboard.press("k")
    dialog = page.get_by_role("dialog", name="Fork")
    expect(page.locator("[data-test=fork-at]")).to_have_value("150")
    page.fill("[data-test=fork-name]", "page_fork")
    page.fill("[data-test=fork-set]", "hunger=90")
    page.fill("[data-test=fork-ticks]", "60")
    shot(page, "fork")
    dialog.locator("[data-test=submit]").click()
    expect(page).to_have_url(re.compile("/run/page_fork"), timeout=20_000)
    page.wait_for_function("window.polis?.clock.head === 210", timeout=40_000)
    made = server.get("/api/runs/page_fork")
    assert (made["fork_tick"], made["configuration"]["hunger"]) == (150, 90)
    parent = village("?tick=150")
    parent.wait_for_function("window.polis.timeline.marks.some((m) => m.kind === 'fork' && m.run === 'page_fork')")


def test_a_fork_that_can_not_be_is_refused_in_words_before_and_by_the_server(village: Open, watched: Watched) -> None:
    watched.forgiven = ("/fork",)
    page = village("?tick=150")
    page.click("[data-test=do-fork]")
    dialog = page.get_by_role("dialog", name="Fork")
    alert = dialog.get_by_role("alert")
    for what, value, problem in (
        ("fork-at", "99999", "lies from 0 to"),
        ("fork-set", "hunger", "name=number"),
        ("fork-set", "hungr=4", "no setting hungr"),
        ("fork-set", "width=4", "can't change under way"),
        ("fork-name", "No Such Name!", "small letters"),
        ("fork-name", "2nd", "begins with a letter"),
        ("fork-seed", "x", "whole number"),
        ("fork-name", VILLAGE, VILLAGE),  # this one the server refuses
    ):
        box = page.locator(f"[data-test={what}]")
        before = box.input_value()
        box.fill(value)
        dialog.locator("[data-test=submit]").click()
        expect(alert).to_contain_text(problem)
        box.fill(before)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_an_intervention_from_the_page_takes_effect_when_the_run_goes_on(new_page: Open, server: Server) -> None:
    server.fork(VILLAGE, at=200, name="helped")
    page = new_page("/run/helped?agent=7")
    drawn(page)
    page.keyboard.press("i")
    page.select_option("[data-test=intervention-good]", "coin")
    page.fill("[data-test=intervention-amount]", "500")
    page.fill("[data-test=intervention-why]", "to see what riches do")
    page.locator("[data-test=submit]").click()
    expect(page.locator(".notice")).to_contain_text("takes effect")
    page.keyboard.press("5")
    page.fill("[data-test=continue-ticks]", "40")
    page.click("[data-test=continue]")
    page.wait_for_function("window.polis.clock.head === 240", timeout=40_000)
    marks = server.get("/api/runs/helped/marks")["interventions"]
    assert [mark["why"] for mark in marks] == ["to see what riches do"]
    page.wait_for_function("window.polis.timeline.marks.some((m) => m.kind === 'intervention')")
    before, after = (
        server.get(f"/api/runs/helped/agents/7?tick={tick}")["goods"]["coin"] for tick in (marks[0]["tick"] - 1, 240)
    )
    assert after >= before + 400


def test_the_panel_of_a_run_names_its_parent_and_what_has_just_been_marked(new_page: Open, server: Server) -> None:
    server.fork(VILLAGE, at=200, name="marked-here")
    page = new_page("/run/marked-here?tab=run&tick=150")
    drawn(page)
    panel = page.locator("[data-test=run-panel]")
    expect(panel).to_contain_text(f"Forked from {VILLAGE} at tick 200")
    page.keyboard.press("i")
    page.select_option("[data-test=intervention-sort]", "stock")
    page.fill("[data-test=intervention-why]", "raise stock_food at McLeods")
    page.locator("[data-test=submit]").click()
    expect(panel).to_contain_text(": raise stock_food at McLeods")  # as it was written
    page.keyboard.press("b")
    expect(panel.locator("section", has_text="Bookmarks")).to_contain_text("150")
    page.keyboard.press("i")
    page.select_option("[data-test=intervention-sort]", "stock")
    page.fill("[data-test=intervention-why]", "\u202e" + "W" * 300)  # one word, that would turn what stands before it
    page.locator("[data-test=submit]").click()
    expect(panel).to_contain_text("W" * 300)
    expect(panel).not_to_contain_text("\u202e")
    assert panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")


def test_a_long_name_pushes_nothing_out_of_the_panel_or_the_list(new_page: Open, server: Server) -> None:
    name = "n" * 63
    server.fork(VILLAGE, at=200, name=name)
    page = new_page(f"/run/{name}?tab=run")
    drawn(page)
    panel = page.locator("[data-test=run-panel]")
    expect(panel.locator("[data-test=status]")).to_be_visible()
    assert panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")
    page.goto(server.url + "/runs")
    page.set_viewport_size({"width": 800, "height": 700})
    expect(page.locator(f"[data-run={name}]")).to_be_visible()
    assert page.evaluate("document.querySelector('table.runs').getBoundingClientRect().right <= innerWidth")


def test_an_intervention_on_one_of_several_of_a_name_is_refused_with_their_names(
    new_page: Open, server: Server, watched: Watched
) -> None:
    watched.forgiven = ("/intervene",)
    server.fork(VILLAGE, at=200, name="spared")
    page = new_page("/run/spared")
    drawn(page)
    page.wait_for_function("window.polis.people.size > 0")
    names = [each["name"] for each in server.get("/api/runs/spared/state?tick=200")["agents"]]
    first = next(name[0] for name in names if sum(other[0] == name[0] for other in names) > 1)
    page.keyboard.press("i")
    page.select_option("[data-test=intervention-sort]", "remove")
    page.fill("[data-test=intervention-agent]", first)
    page.locator("[data-test=submit]").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(next(n for n in names if n[0] == first))
    assert not server.get("/api/runs/spared/marks")["interventions"]


def test_what_is_bound_to_be_refused_is_said_at_once(new_page: Open, server: Server, lean: str) -> None:
    server.fork(lean, at=20, name="mindless")
    page = new_page("/run/mindless?agent=3&tick=20")
    drawn(page)
    page.keyboard.press("i")
    page.select_option("[data-test=intervention-sort]", "news")
    page.fill("[data-test=intervention-news]", "There is a well.")
    page.locator("[data-test=submit]").click()
    expect(page.locator(".notice.bad")).to_contain_text("will be refused")
    page.keyboard.press("k")
    page.select_option("[data-test=intervention-sort]", "news")
    page.fill("[data-test=intervention-news]", "There is a well.")
    page.fill("[data-test=fork-ticks]", "0")
    page.locator("[data-test=submit]").click()
    expect(page).not_to_have_url(re.compile("/run/mindless"), timeout=20_000)
    expect(page.locator(".notice.bad")).to_contain_text("will be refused")


def test_the_list_of_runs_is_asked_for_once_in_a_while_however_often_it_is_hidden(new_page: Open) -> None:
    page = new_page("/runs")
    expect(page.locator("tr[data-run]").first).to_be_visible()
    page.evaluate("for (let k = 0; k < 6; k++) document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3_000)
    assert 1 <= sum("/api/runs?" in url for url in asked) <= 2


def test_the_focus_stays_in_the_list_of_runs_while_the_list_is_looked_up_again(new_page: Open) -> None:
    page = new_page("/runs")
    again = lambda response: "/api/runs?" in response.url  # noqa: E731
    for part in (page.get_by_role("link", name=VILLAGE, exact=True), page.get_by_label(f"Choose {VILLAGE} to compare")):
        part.focus()
        for _ in range(2):
            with page.expect_response(again):
                pass
        expect(part).to_be_focused()


def test_a_run_that_goes_on_from_the_page_pauses_where_it_is_told_to_and_says_why(
    new_page: Open, village: Open, server: Server, watched: Watched
) -> None:
    watched.forgiven = ("/continue",)
    server.fork(VILLAGE, at=200, name="breaks")
    page = new_page("/run/breaks?tab=run")
    drawn(page)
    panel = page.locator("[data-test=run-panel]")
    page.fill("[data-test=continue-break]", "foo > 1")
    page.click("[data-test=continue]")
    expect(panel.get_by_role("alert")).to_contain_text("foo")
    page.fill("[data-test=continue-break]", "tick >= 212")
    expect(page.locator("[data-test=status]")).to_have_text(["paused", "paused"])
    page.click("[data-test=continue]")
    # A process takes a second or two until it writes, and half a minute where it compiles the rules first.
    expect(page.locator("[data-test=status]")).to_have_text(["starting", "starting"])
    expect(panel).to_contain_text("A process is starting")
    expect(panel.get_by_role("button", name="Stop after this tick")).to_be_visible()
    why = "Paused at tick 212: tick >= 212 holds at tick 212"
    expect(page.locator("[data-test=paused]")).to_have_text(why, timeout=40_000)
    expect(page.locator(".notice", has_text=why)).to_be_visible()
    expect(page.locator("[data-test=status]")).to_have_text(["paused", "paused"])
    assert server.get("/api/runs/breaks")["head_tick"] == 212
    drawn(page, 212)
    page.wait_for_function("window.polis.timeline.marks.some((m) => m.kind === 'found' && m.tick === 212)")
    page.fill("[data-test=where]", "tick >= 5")
    page.locator("[data-test=where]").press("Shift+Enter")
    drawn(page, 211)
    page.reload()
    expect(page.locator("[data-test=paused]")).to_have_text(why)
    expect(page.locator("[data-test=where]")).to_have_value("tick >= 5")
    expect(village().locator("[data-test=where]")).to_have_value("")  # of this run it was not asked


def test_two_runs_stand_side_by_side_under_one_clock(new_page: Open, recorded: Polis, server: Server) -> None:
    server.fork(VILLAGE, at=120, name="hungrier", hunger=80)
    recorded("resume", "hungrier", "--ticks", "100", "--quiet")
    page = new_page(f"/run/{VILLAGE}?tick=160")
    drawn(page)
    page.keyboard.press("c")
    page.select_option("[data-test=compare-with]", "hungrier")
    page.locator("[data-test=submit]").click()
    expect(page).to_have_url(re.compile(r"/compare\?a="))
    drawn(page, 160)
    expect(page.locator("[data-side=A]")).to_contain_text(VILLAGE)
    expect(page.locator("[data-side=B]")).to_contain_text("hungrier")
    assert page.evaluate("window.polis.sides.map((s) => s.track.shown.tick)") == [160, 160]
    truth = server.get(f"/api/diff?a={VILLAGE}&b=hungrier&tick_a=160&tick_b=160&limit=5")
    parted = page.locator("[data-test=first-divergence]")
    expect(parted).to_have_text(str(truth["first_divergence"]["tick"]), timeout=20_000)
    event = truth["first_divergence"]["event"]
    names = {each["agent"]: each["name"] for each in server.get(f"/api/runs/{VILLAGE}/state?tick=120")["agents"]}
    assert event["told"]["a"].startswith(names[event["a"]["agent"]])  # as the command tells it
    for side in "ab":
        expect(page.locator(".parted")).to_contain_text(event["told"][side], ignore_case=True)
    frames = page.evaluate("window.polis.sides.map((s) => Array.from(s.track.shown.cell))")
    apart = sum(a != b for a, b in zip(*frames, strict=True))
    expect(page.get_by_role("meter", name="Elsewhere")).to_have_attribute("aria-valuenow", str(apart))
    shot(page, "compare")
    parted.click()
    drawn(page, 121)
    page.keyboard.press("ArrowLeft")
    drawn(page, 120)
    expect(page.get_by_role("meter", name="Elsewhere")).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("End")  # the longer run goes on where the shorter has ended
    page.wait_for_function("window.polis.sides.map((s) => s.track.shown.tick).join() === '260,220'")
    expect(page.locator("[data-side=B]")).to_contain_text("ends at tick 220")
    # Nothing is compared there, and what is listed says of which tick it is.
    panel = page.locator("[data-test=difference-panel]")
    expect(panel).to_contain_text("hungrier ends at tick 220: nothing can be compared after it")
    expect(page.get_by_role("meter", name="Elsewhere")).to_have_count(0)
    expect(panel).to_contain_text("At tick 220, the last that both have")
    assert page.evaluate("window.polis.sides.map((s) => s.map.others)") == [None, None]
    page.locator("[data-test=ended] button").click()
    drawn(page, 220)
    expect(page.get_by_role("meter", name="Elsewhere")).to_be_visible()
    expect(panel).not_to_contain_text("the last that both have")


def test_what_forks_of_forks_share_is_hatched_no_further_than_one_sees(
    new_page: Open, recorded: Polis, server: Server
) -> None:
    server.fork(VILLAGE, at=200, name="child")
    recorded("resume", "child", "--ticks", "10", "--quiet")
    server.fork("child", at=205, name="grandchild")
    server.fork("child", at=208, name="its-brother")
    for a, b, until in ((VILLAGE, "child", 200), ("grandchild", VILLAGE, 200), ("its-brother", "grandchild", 205)):
        page = new_page(f"/compare?a={a}&b={b}&tick=10")
        drawn(page)
        assert page.evaluate("window.polis.timeline.forkedAt") == until, (a, b)
    strokes = """([first, last]) => {
        const { timeline } = window.polis, { lineTo } = CanvasRenderingContext2D.prototype;
        let count = 0;
        CanvasRenderingContext2D.prototype.lineTo = function (x, y) { count++; return lineTo.call(this, x, y); };
        timeline.scale.show(first, last);
        timeline.draw();
        CanvasRenderingContext2D.prototype.lineTo = lineTo;
        return count;
    }"""
    assert page.evaluate(strokes, arg=[0, 12]) < 1.5 * page.evaluate(strokes, arg=[0, 260])  # most of which is hatched


def test_where_cells_can_not_be_compared_nobody_is_said_to_be_elsewhere(new_page: Open, lean: str) -> None:
    page = new_page(f"/compare?a={VILLAGE}&b={lean}&tick=20")
    drawn(page)
    panel = page.locator("[data-test=difference-panel]")
    expect(panel).to_contain_text("cells are not compared")
    expect(page.get_by_role("meter", name="Other needs")).to_be_visible()
    expect(page.get_by_role("meter", name="Elsewhere")).to_have_count(0)
    assert page.evaluate("window.polis.sides[1].map.others") == []


def test_a_comparison_opened_after_the_end_of_both_says_so(new_page: Open) -> None:
    page = new_page(f"/compare?a={VILLAGE}&b={VILLAGE}&tick=9999")
    expect(page.locator(".notice.bad")).to_have_text("Tick 9,999 has not happened yet: the newest is 260")
    drawn(page, 260)


def test_all_that_differs_of_a_selected_agent_is_listed_and_whose_it_is(
    new_page: Open, recorded: Polis, server: Server
) -> None:
    server.fork(VILLAGE, at=30, name="otherwise", hunger=90)
    recorded("resume", "otherwise", "--ticks", "200", "--quiet")
    everything = server.get(f"/api/diff?a={VILLAGE}&b=otherwise&tick_a=230&tick_b=230")
    assert everything["counts"]["agents"] > 150
    # Of whom the least differs: none of it is among the 150 largest.
    agent = next(each["agent"] for each in reversed(everything["differences"]) if each["area"] == "agents")
    mine = [each for each in everything["differences"] if each.get("agent") == agent]
    page = new_page(f"/compare?a={VILLAGE}&b=otherwise&tick=230&agent={agent}")
    drawn(page)
    expect(page.locator("[data-test=of-agent]")).to_contain_text(f"only what differs of {mine[0]['name']}")
    expect(page.locator("[data-test=differences] tr.pick")).to_have_count(len(mine))
    counts = page.locator("[data-test=differences] h3", has_text="Agents")
    total = everything["counts"]["agents"]
    expect(counts).to_have_text(f"Agents · {sum(each['area'] == 'agents' for each in mine)} of {total:,}")
    page.locator("[data-test=of-agent] button").click()
    expect(page.locator("[data-test=of-agent]")).to_have_count(0)
    expect(counts).to_have_text(f"Agents · 150 of {total:,}")


def test_a_breakpoint_runs_on_to_the_tick_where_it_holds(village: Open, server: Server) -> None:
    page = village("?tick=0")
    tick = server.get(f"/api/runs/{VILLAGE}/bisect?expression=trades_so_far%20%3E%20300&first=1")["tick"]
    page.fill("[data-test=where]", "trades_so_far > 300")
    page.keyboard.press("Enter")
    drawn(page, tick)
    expect(page.locator(".notice")).to_contain_text("It holds at tick")


def test_a_breakpoint_runs_back_to_the_last_tick_where_it_held(village: Open, server: Server) -> None:
    page = village("?tick=200")
    truth = server.get(f"/api/runs/{VILLAGE}/where?expression=speeches%20%3E%200&direction=last&last=199")["tick"]
    page.fill("[data-test=where]", "speeches > 0")
    page.click("[data-test=where-back]")
    drawn(page, truth)
    said = server.get(f"/api/runs/{VILLAGE}/events?kind=SpeechMade&first={truth}&last=199")["events"]
    assert {event["tick"] for event in said} == {truth}
    page.wait_for_function(f"window.polis.timeline.marks.some((m) => m.kind === 'found' && m.tick === {truth})")


def test_what_was_said_of_a_search_goes_when_the_next_has_its_answer(village: Open, watched: Watched) -> None:
    watched.forgiven = ("/bisect",)
    page = village("?tick=0")
    notices = page.locator(".notice")
    for text, said in (
        ("agent(9999).food < 1", "there is no agent 9999"),
        ("trades_so_far > 300", "It holds at tick"),
        ("trades_so_far < 3", "It holds at no later tick"),
    ):
        page.fill("[data-test=where]", text)
        page.keyboard.press("Enter")
        expect(notices.filter(has_text=said)).to_be_visible()
        expect(notices).to_have_count(1)


def test_a_search_that_takes_its_time_says_so_until_it_has_its_answer(village: Open) -> None:
    page = village("?tick=0")
    page.evaluate("""() => {
        const usual = window.fetch;
        window.fetch = async (...what) => {
            if (String(what[0]).includes("/bisect")) await new Promise((done) => setTimeout(done, 5000));
            return usual(...what);
        };
    }""")
    page.fill("[data-test=where]", "trades_so_far > 300")
    page.keyboard.press("Enter")
    notices = page.locator(".notice")
    head = page.evaluate("window.polis.clock.head")
    expect(notices).to_have_text(f"Looking through {head} ticks, for 2 s")
    expect(notices).to_have_text(f"Looking through {head} ticks, for 4 s")
    expect(notices).to_contain_text("It holds at tick")
    expect(notices).to_have_count(1)


def test_a_breakpoint_that_can_not_be_read_is_told_why(village: Open, watched: Watched) -> None:
    watched.forgiven = ("/bisect",)
    page = village("?tick=0")
    page.fill("[data-test=where]", "gini_coins >")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_be_visible()


def test_measures_are_charts_that_follow_the_cursor_and_lead_back_to_it(village: Open, server: Server) -> None:
    page = village("?tick=130&tab=measures")
    ties = page.locator("[data-measure=ties]")
    expect(ties).to_be_visible(timeout=30_000)
    there = server.get(f"/api/runs/{VILLAGE}/measures?names=ties&first=130&last=130")["series"]["ties"][-1]
    expect(ties.locator(".measure-value")).to_have_text(str(there))
    ties.scroll_into_view_if_needed()
    box = ties.locator("canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 20)
    page.wait_for_function("window.polis.clock.tick > 215 && window.polis.clock.tick < 250")
    page.get_by_label("Filter measures").fill("gini")
    expect(ties).to_be_hidden()
    page.get_by_label("Filter measures").fill("")
    # What is counted has whole numbers on its axis.
    axis = """async () => {
        const { roundNumbers } = await import("chronopolis/scale.js");
        return roundNumbers(-0.06, 1.06, 3, { wholeOnly: true });
    }"""
    assert page.evaluate(axis) == [0, 1]
    # And figures on an axis can be told apart.
    figures = """async (all) => {
        const { figures } = await import("chronopolis/format.js");
        return figures(all);
    }"""
    for all_of_them, told in (
        ([0, 2, 4], ["0", "2", "4"]), ([15_900, 15_950, 16_000], ["15.9K", "15.95K", "16K"]),
        ([0.9991, 0.9993, 0.9995], ["0.9991", "0.9993", "0.9995"]),
        ([2_000_100, 2_000_200], ["2.0001M", "2.0002M"]), ([7], ["7"]),
        ([0.05322, 0.05336], ["0.0532", "0.0534"]), ([0.00013], ["0.00013"]),
    ):  # fmt: skip
        assert page.evaluate(figures, all_of_them) == told
    page.locator("[data-measure=energy]").scroll_into_view_if_needed()
    shot(page, "measures")
