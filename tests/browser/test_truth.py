"""What the page says is so at the cursor's tick, and what it can't show it says in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LEAN_END, VILLAGE, Watched, drawn, tick_of
from tests.support.debugger import Server

Open = Callable[..., Page]


def test_measures_at_the_cursor_are_those_of_its_tick_also_where_a_chart_has_fewer_points(
    new_page: Open, server: Server, lean: str
) -> None:
    exact = server.get(f"/api/runs/{lean}/measures?names=population,deaths,food&points=1000")
    assert exact["width"] == 1
    died = [tick for tick, deaths in enumerate(exact["series"]["deaths"]) if deaths]
    page = new_page(f"/run/{lean}?tick={died[0]}&tab=measures")
    drawn(page)
    for tick in (died[0], died[0] + 1, died[20] - 1, died[20], died[20] + 1):
        page.evaluate(f"window.polis.clock.seek({tick})")
        for name in ("population", "deaths"):
            value = page.locator(f"[data-measure={name}] .measure-value")
            expect(value).to_have_text(str(exact["series"][name][tick]), timeout=30_000)
    food = exact["series"]["food"][died[20] + 1] / 1000
    assert float(page.locator("[data-measure=food] .measure-value").inner_text()) == pytest.approx(food, rel=0.01)
    # A flow's points are sums, and its chart says of how many ticks.
    deaths = page.locator("[data-measure=deaths] canvas")
    deaths.scroll_into_view_if_needed()
    deaths.hover(position={"x": 200, "y": 30})
    expect(page.locator("[data-measure=deaths] .note-title")).to_contain_text(" – ")
    page.locator("[data-measure=population] canvas").hover(position={"x": 200, "y": 30})
    expect(page.locator("[data-measure=population] .note-title")).not_to_contain_text(" – ")


def test_the_stocks_of_a_cell_are_exact_once_the_cursor_rests(new_page: Open, server: Server, lean: str) -> None:
    cell = server.get(f"/api/runs/{lean}/state?tick=0")["agents"][0]["cell"]
    page = new_page(f"/run/{lean}?tick=140&cell={cell}")
    drawn(page)
    panel = page.locator("[data-test=inspector]")
    for tick in (140, 141, 300):
        page.evaluate(f"window.polis.clock.seek({tick})")
        stocks = server.get(f"/api/runs/{lean}/state?tick={tick}&cell={cell}")["cell"]["stock_milli"]
        for good, amount in stocks.items():
            expect(panel.get_by_role("meter", name=good.capitalize())).to_have_attribute("aria-valuenow", str(amount))
        expect(panel).not_to_contain_text("about")
        near = page.evaluate(f"""() => {{
            const {{ terrain, track }} = window.polis;
            return [0, 1, 2, 3].map((good) => {{
                const k = good * terrain.n + {cell};
                return [terrain.capacity[k], (terrain.capacity[k] * track.shown.stock[k]) / 255];
            }});
        }}""")
        for amount, (capacity, roughly) in zip(stocks.values(), near, strict=True):
            assert abs(amount - roughly) <= capacity / 255 + 1


def test_a_cell_that_the_map_has_not_is_said_to_be_none(new_page: Open, lean: str) -> None:
    page = new_page(f"/run/{lean}?tick=100&cell=99999")
    drawn(page)
    expect(page.locator("[data-test=inspector]")).to_contain_text("The map has cells 0 to 399")
    expect(page.locator("[data-test=inspector]")).not_to_contain_text("ndefined")


def test_the_dead_and_those_not_yet_born_are_found_and_said_to_be(new_page: Open, server: Server, lean: str) -> None:
    events = server.get(f"/api/runs/{lean}/events?kind=AgentDied&kind=AgentBorn")["events"]
    died = next(event for event in events if event["kind"] == "AgentDied")
    born = next(event for event in reversed(events) if event["kind"] == "AgentBorn")
    name = server.get(f"/api/runs/{lean}/agents/{died['agent']}?tick=0")["name"]
    for tick, text, note in (
        (LEAN_END, name.split()[1].lower(), f"died at tick {died['tick']}"),
        (LEAN_END, str(died["agent"]), f"died at tick {died['tick']}"),
        (0, born["name"], f"comes at tick {born['tick']}"),
    ):
        page = new_page(f"/run/{lean}?tick={tick}")
        drawn(page)
        page.fill("[data-test=search]", text)
        expect(page.locator(".found")).to_contain_text(note)
    page.fill("[data-test=search]", "nobody at all")
    expect(page.locator(".found")).to_have_text("Nobody in this run is called so")
    page.fill("[data-test=search]", str(died["agent"]))
    page.get_by_role("option", name=name).click()
    expect(page.locator("[data-test=inspector] h2")).to_have_text(name)


def test_what_the_address_can_not_mean_is_said_and_taken_out_of_it(new_page: Open, server: Server, lean: str) -> None:
    page = new_page("/runs")
    for query, said in (
        ("tick=abc", "tick=abc, which is not a whole number of at most nine digits"),
        ("tick=99999999999", "tick=99999999999, which is not a whole number of at most nine digits"),
        ("tick=12.7", "tick=12.7"),
        ("tick=-5", "tick=-5"),
        ("tick=20&agent=xyz", "agent=xyz"),
        ("tick=20&tab=foo", "tab=foo, which is not one of agent, events"),
        ("tick=20&layer=lava", "layer=lava, which is not one of land"),
        ("tick=20&by=foo", "by=foo"),
        ("tick=20&event=3", "event=3"),
    ):
        page.goto(f"{server.url}/run/{lean}?{query}")
        drawn(page)
        expect(page.locator(".notice.bad")).to_contain_text(said)
        page.wait_for_function("/[?&]tick=\\d+/.test(location.search)")
        assert query.rpartition("&")[2] not in page.url
        assert tick_of(page) == (20 if "20" in query else 0)
    page.goto(f"{server.url}/run/{lean}?tick=20&layer=0&by=energy&tab=run")
    drawn(page)
    expect(page.locator(".notice")).to_have_count(0)
    assert page.evaluate("[window.polis.map.layer, window.polis.map.by, window.polis.panels.opened]") == [
        0,
        "energy",
        "run",
    ]


def test_the_list_of_events_says_what_it_can_not_look_for(new_page: Open, watched: Watched, lean: str) -> None:
    watched.forgiven = ("agent=9999",)
    page = new_page(f"/run/{lean}?tick=600&tab=events")
    drawn(page)
    panel, rows = page.locator("#panel-events"), page.locator("[data-test=events]")
    expect(panel).to_contain_text("100 newest events")
    for what, value, said in (
        ("filter-first", "abc", "“abc” is no tick"),
        ("filter-first", "12.7", "“12.7” is no tick"),
        ("filter-first", "650", "The first tick, 650, lies after the last, 600"),
        ("filter-agent", "9999", "no agent '9999' lives there"),
    ):
        page.fill(f"[data-test={what}]", value)
        page.keyboard.press("Enter")
        expect(rows).to_contain_text(said)
        expect(panel).not_to_contain_text("newest events")
        page.fill(f"[data-test={what}]", "")
        page.keyboard.press("Enter")
        expect(panel).to_contain_text("100 newest events")


def test_one_who_does_not_live_at_this_tick_is_not_followed_and_the_page_says_why(
    new_page: Open, server: Server, lean: str
) -> None:
    died = server.get(f"/api/runs/{lean}/events?kind=AgentDied&limit=1")["events"][0]
    name = server.get(f"/api/runs/{lean}/agents/{died['agent']}?tick=0")["name"]
    page = new_page(f"/run/{lean}?tick={died['tick']}&agent={died['agent']}")
    drawn(page)
    expect(page.locator("[data-test=inspector] h2")).to_have_text(name)
    page.keyboard.press("f")
    said = f"{name} is not alive at tick {died['tick']}: there is nobody to follow"
    expect(page.locator(".notice")).to_have_text(said)
    pressed = page.locator("[data-test=follow-agent]")
    expect(pressed).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("ArrowLeft")
    drawn(page, died["tick"] - 1)
    page.keyboard.press("f")
    expect(pressed).to_have_attribute("aria-pressed", "true")


def test_the_line_of_a_life_is_exact_where_a_chart_has_fewer_points_than_ticks(
    new_page: Open, server: Server, lean: str
) -> None:
    events = server.get(f"/api/runs/{lean}/events?kind=AgentDied&kind=AgentBorn&limit=1000")["events"]
    born = {event["agent"]: event["tick"] for event in events if event["kind"] == "AgentBorn"}
    died = {event["agent"]: event["tick"] for event in events if event["kind"] == "AgentDied"}
    alone = server.get(f"/api/runs/{lean}/state?tick={LEAN_END}")["agents"][0]["agent"]
    page = new_page(f"/run/{lean}?tick={LEAN_END}&agent={alone}")
    drawn(page)
    page.click("[data-test=segment-life]")
    for agent in (alone, *list(died)[:3], *list(born)[:2]):
        page.evaluate("(agent) => window.polis.select({ agent })", arg=agent)
        page.wait_for_function("window.polis.timeline.life")
        assert page.evaluate("window.polis.timeline.life") == [born.get(agent, 0), died.get(agent, LEAN_END)]


def test_who_is_named_by_an_event_has_a_name_also_when_dead(new_page: Open, server: Server, lean: str) -> None:
    inherited = server.get(f"/api/runs/{lean}/events?kind=GoodsInherited&limit=1000")["events"]
    assert inherited
    page = new_page(f"/run/{lean}?tick={LEAN_END}&tab=events")
    drawn(page)
    page.select_option("[data-test=filter-kind]", "GoodsInherited")
    rows = page.locator("[data-test=events] .event-told")
    expect(rows).to_have_count(min(100, len(inherited)))
    expect(rows.filter(has_text="Agent ")).to_have_count(0)
    target = server.get(f"/api/runs/{lean}/agents/{inherited[-1]['target']}?tick={LEAN_END}")["name"]
    expect(rows.first).to_contain_text(target)


def test_who_is_named_beside_a_dead_agent_has_a_name_too(new_page: Open, server: Server, lean: str) -> None:
    died = server.get(f"/api/runs/{lean}/events?kind=AgentDied&limit=1000")["events"]
    page = new_page(f"/run/{lean}?tick={LEAN_END}")
    drawn(page)
    lines = page.locator("[data-test=inspector] .event-told")
    heirs = [each for each in died if each["target"] is not None and each["target"] >= 0]
    assert heirs
    for each in heirs[:10]:
        page.evaluate("(agent) => window.polis.select({ agent })", arg=each["agent"])
        page.evaluate("(tick) => window.polis.clock.seek(tick)", arg=each["tick"])
        heir = server.get(f"/api/runs/{lean}/agents/{each['target']}?tick={LEAN_END}")["name"]
        expect(lines.filter(has_text=f"{heir} inherit")).to_have_count(2)  # the last event, and the list of them


def test_the_mark_in_an_error_points_at_what_it_means(new_page: Open, lean: str, watched: Watched) -> None:
    watched.forgiven = ("/bisect",)
    page = new_page(f"/run/{lean}?tick=0")
    drawn(page)
    said = page.locator(".notice.bad .lines").last
    for text, column, why in (
        ("gini_coins >", 13, "something is missing at the end"),
        ("1/0 > 1", 3, "this divides by 0 at every tick, and what has no value never holds"),
    ):
        page.fill("[data-test=where]", text)
        page.keyboard.press("Enter")
        expect(said).to_contain_text(f"column {column}: {why}")
        assert said.inner_text().splitlines()[1:] == [text, " " * (column - 1) + "^"]
    assert "Mono" in said.evaluate("(node) => getComputedStyle(node).fontFamily")


def test_one_is_counted_as_one_and_constants_have_units(new_page: Open, lean: str) -> None:
    page = new_page(f"/run/{lean}?tick={LEAN_END}")
    drawn(page)
    expect(page.locator("[data-test=inspector] h2")).to_have_text("1 person")
    page.keyboard.press("5")
    expect(page.locator("[data-test=run-panel]")).to_contain_text("250 thousandths of satiety a tick")
    other = new_page(f"/run/{VILLAGE}?tick=0&tab=run")
    drawn(other)
    expect(other.locator("[data-test=run-panel]")).to_contain_text("Engine")
    expect(other.locator("[data-test=run-panel]")).not_to_contain_text("{")
