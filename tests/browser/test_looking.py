"""Looking at the map, at an agent, at events and their causes: what the page says is what the record says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from chronopolis.sentences import sentence
from domain.rules.constants import HUNGRY, STARVING
from tests.browser.conftest import VILLAGE, WIDTH, Watched, drawn, shot
from tests.support.debugger import Server

Open = Callable[..., Page]
RUN = f"/api/runs/{VILLAGE}"


@pytest.fixture
def thought(server: Server) -> dict[str, Any]:
    """A thought whose words were said."""
    found = server.get(f"{RUN}/thoughts?limit=100")["thoughts"]
    return next(each for each in found if (each["answer"] or {}).get("say") and each["effect_tick"] < 200)


def where(page: Page, agent: int) -> tuple[float, float]:
    """Return the place of an agent on the page, in pixels."""
    x, y = page.evaluate(
        """(agent) => {
            const { map } = window.polis, place = map.placeOf(agent), box = map.above.getBoundingClientRect();
            return [box.left + place.x / map.ratio, box.top + place.y / map.ratio];
        }""",
        agent,
    )  # fmt: skip
    return x, y


def pixel(page: Page, x: float, y: float) -> list[int]:
    """Return red, green and blue of what the map shows at a place of the page."""
    return list(
        page.evaluate(
            """([x, y]) => {
                const { map } = window.polis, box = map.canvas.getBoundingClientRect();
                const [px, py] = [(x - box.left) * map.ratio, (y - box.top) * map.ratio];
                return [...map.canvas.getContext("2d").getImageData(px, py, 1, 1).data.slice(0, 3)];
            }""",
            [x, y],
        )
    )  # fmt: skip


def redrawn(page: Page) -> None:
    """Return when what was changed is drawn: the second picture from now begins after that."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


# -- the map ----------------------------------------------------------------------------------------------


def test_a_click_selects_the_agent_under_it(village: Open) -> None:
    page = village("?tick=60")
    page.mouse.click(*where(page, 11))
    page.wait_for_function("window.polis.agent === 11")
    assert "agent=11" in page.url
    expect(page.locator("[data-test=inspector] h2")).not_to_contain_text("people")


def test_a_click_on_empty_land_shows_the_cell(village: Open, server: Server) -> None:
    page = village("?tick=60")
    cell = page.evaluate(
        """() => {
            const { map } = window.polis, taken = new Set(map.frame.cell);
            for (let cell = 900; ; cell++) if (!taken.has(cell) && map.terrain.biome[cell] > 0) return cell;
        }"""
    )  # fmt: skip
    x, y = page.evaluate(
        """async (cell) => {
            const { centreX, centreY } = await import("chronopolis/hexes.js");
            const { map } = window.polis, { scale, left, top } = map.view, box = map.above.getBoundingClientRect();
            const w = map.terrain.width, { ratio } = map;
            const [x, y] = [centreX(cell, w) * scale - left, centreY(cell, w) * scale - top];
            return [box.left + x / ratio, box.top + y / ratio];
        }""",
        cell,
    )  # fmt: skip
    page.mouse.click(x, y)
    expect(page.locator("[data-test=inspector]")).to_contain_text(f"cell {cell}")
    expect(page.locator("[data-test=inspector]")).to_contain_text(f"Row {cell // WIDTH}, column {cell % WIDTH}")


def test_hovering_tells_who_and_what_is_there(village: Open) -> None:
    page = village("?tick=60&agent=11")
    page.wait_for_function("window.polis.people.size > 0")
    page.mouse.move(*where(page, 11))
    note = page.locator(".map .note")
    expect(note).to_contain_text(str(page.evaluate("window.polis.people.name(11)")))
    expect(note).to_contain_text(re.compile(r"energy \d"))
    page.mouse.move(5, 5)
    expect(note).to_be_hidden()


def test_wheel_and_drag_zoom_and_pan_the_map_and_z_shows_it_all(village: Open) -> None:
    page = village("?tick=10")
    scale = page.evaluate("window.polis.map.view.scale")
    page.mouse.move(400, 300)
    page.mouse.wheel(0, -800)
    page.wait_for_function(f"window.polis.map.view.scale > {2 * scale}")
    left = page.evaluate("window.polis.map.view.left")
    page.mouse.down()
    page.mouse.move(340, 300, steps=4)
    page.mouse.up()
    assert page.evaluate("window.polis.map.view.left") == pytest.approx(left + 60, abs=8)
    assert page.evaluate("window.polis.agent") is None  # a drag is no click
    page.keyboard.press("z")
    page.wait_for_function(f"window.polis.map.view.scale === {scale}")


def test_following_keeps_the_agent_in_sight(village: Open) -> None:
    page = village("?tick=0&agent=11")
    page.keyboard.press("f")
    expect(page.locator("[data-test=follow-agent]")).to_have_attribute("aria-pressed", "true")
    for tick in (60, 120, 180, 240):
        page.evaluate(f"window.polis.clock.seek({tick})")
        drawn(page, tick)
        box = page.locator(".map").bounding_box()
        x, y = where(page, 11)
        assert box and box["x"] + 0.2 * box["width"] < x < box["x"] + 0.8 * box["width"]
        assert box["y"] + 0.2 * box["height"] < y < box["y"] + 0.8 * box["height"]


def test_layers_change_what_the_map_shows(village: Open) -> None:
    page = village("?tick=60")
    page.keyboard.press("l")
    layers = page.get_by_role("group", name="Layers")
    seen = {}
    for name in ("Land", "Elevation", "Food", "Wood", "Stone", "Ore"):
        layers.get_by_label(name, exact=True).check()
        redrawn(page)
        seen[name] = page.evaluate("window.polis.map.ground.colours.slice(0, 1200).join()")
    assert len(set(seen.values())) == 6
    layers.get_by_label("Land", exact=True).check()
    x, y = where(page, 11)
    with_agents = pixel(page, x, y)
    layers.get_by_label("Agents", exact=True).uncheck()
    redrawn(page)
    assert pixel(page, x, y) != with_agents
    layers.get_by_label("Ties", exact=True).check()
    page.wait_for_function("window.polis.map.frame.tieA.length > 0")


def test_the_map_shows_what_the_state_says(village: Open, server: Server) -> None:
    page = village("?tick=133")
    agents = server.get(f"{RUN}/state?tick=133")["agents"]
    shown = page.evaluate(
        """() => {
            const f = window.polis.map.frame;
            return Array.from(f.id, (id, k) => [id, f.cell[k], f.energy[k], f.satiety[k], f.company[k]]);
        }"""
    )
    assert shown == [[a["agent"], a["cell"], a["energy"], a["satiety"], a["company"]] for a in agents]


def test_who_is_hungry_is_counted_as_the_measures_count(village: Open, server: Server) -> None:
    counted = server.get(f"{RUN}/measures?names=hungry,starving,population&first=250&last=250")["series"]
    page = village("?tick=250")
    people = counted["population"][0]
    hungry, starving = (round(counted[name][0] * people) for name in ("hungry", "starving"))
    assert hungry > 0
    expect(page.locator("[data-test=hungry]")).to_have_text(
        f"{hungry} hungry (satiety below {HUNGRY / 1000:g}), {starving} starving (satiety below {STARVING / 1000:g})"
    )


# -- an agent ---------------------------------------------------------------------------------------------


def test_the_inspector_shows_an_agent_as_the_state_has_it(village: Open, server: Server) -> None:
    page = village("?tick=120&agent=7")
    state = server.get(f"{RUN}/agents/7?tick=120")
    panel = page.locator("[data-test=inspector]")
    expect(panel.locator("h2")).to_have_text(state["name"])
    for need, value in state["needs_milli"].items():
        expect(panel.get_by_role("meter", name=need.capitalize())).to_have_attribute("aria-valuenow", str(value))
    for tie in state["ties"]:
        expect(panel).to_contain_text(tie["name"])
    expect(panel.locator("[data-event]").first).to_be_visible()
    page.click("[data-test=segment-who]")
    expect(panel).to_contain_text(state["persona"]["backstory"])
    expect(panel.get_by_role("meter", name="Openness")).to_have_attribute(
        "aria-valuenow", str(state["traits_milli"]["openness"])
    )


def test_the_dead_whom_an_agent_knows_are_marked(village: Open, server: Server) -> None:
    told = server.get(f"{RUN}/agents/7?tick=200")
    told["ties"][0]["alive"] = False

    def mourning(route: Route) -> None:
        route.fulfill(json=told)

    page = village("?tick=199")
    page.route("**/agents/7?*", mourning)
    page.evaluate("window.polis.goToAgent(7)")
    ties = page.locator("[data-test=inspector] .tie .meter-name")
    expect(ties.first).to_have_text(f"{told['ties'][0]['name']} †")
    expect(ties.filter(has_text="†")).to_have_count(1)


def test_one_who_is_not_born_yet_is_shown_with_the_birth_to_come(village: Open, server: Server) -> None:
    joined = server.get(f"{RUN}/events?kind=AgentJoined&limit=1")["events"][0]
    birth = {**joined, "tick": 150, "kind": "AgentBorn", "agent": 7, "told": ["Nia Moor was born to ", 3]}
    unborn = {"tick": 120, "agent": 7, "alive": False, "unborn": True, "name": "Nia Moor", "occupation": "farmer"}
    page = village("?tick=120")
    page.route("**/agents/7?*", lambda route: route.fulfill(json=unborn | {"arrival": birth, "last_event": None}))
    page.evaluate("window.polis.goToAgent(7)")
    panel = page.locator("[data-test=inspector]")
    expect(panel).to_contain_text("Yet to come")
    expect(panel.locator("[data-event^='150:']").first).to_contain_text("Nia Moor was born to")
    panel.locator("[data-event^='150:']").first.click()
    page.wait_for_function("window.polis.clock.tick === 150")


def test_the_inspector_follows_the_cursor(village: Open, server: Server) -> None:
    page = village("?tick=120&agent=7")
    for tick in (121, 122, 200):
        page.evaluate(f"window.polis.clock.seek({tick})")
        energy = server.get(f"{RUN}/agents/7?tick={tick}")["needs_milli"]["energy"]
        meter = page.locator("[data-test=inspector]").get_by_role("meter", name="Energy")
        expect(meter).to_have_attribute("aria-valuenow", str(energy))


def test_state_over_time_is_drawn_and_a_click_on_it_goes_there(village: Open) -> None:
    page = village("?tick=120&agent=7")
    page.click("[data-test=segment-life]")
    chart = page.get_by_role("img", name="Needs over time")
    page.wait_for_function("window.polis.timeline.life !== null")
    box = chart.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 40)
    page.wait_for_function("window.polis.clock.tick > 170 && window.polis.clock.tick < 210")
    shot(page, "life")


def test_a_thought_shows_its_exact_prompt_and_answer(village: Open, server: Server, thought: dict[str, Any]) -> None:
    page = village(f"?tick={thought['effect_tick']}&agent={thought['agent']}")
    page.click("[data-test=segment-mind]")
    page.locator("[data-test=thought]").first.locator("text=prompt and answer").click()
    whole = server.get(f"{RUN}/thoughts/{thought['agent']}/{thought['asked_tick']}")
    dialog = page.get_by_role("dialog", name="A thought")
    expect(dialog.locator("pre").first).to_be_visible()
    for message in whole["request"]:
        assert message["content"] in dialog.locator("pre").all_inner_texts()
    answer = dialog.locator("pre").all_inner_texts()[len(whole["request"])]
    assert json.loads(answer) == json.loads(whole["raw"])
    shot(page, "thought")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_memories_and_conversations_up_to_the_cursor_are_listed(
    village: Open, server: Server, thought: dict[str, Any]
) -> None:
    tick, agent = 240, thought["agent"]
    page = village(f"?tick={tick}&agent={agent}")
    page.click("[data-test=segment-mind]")
    panel = page.locator("[data-test=inspector]")
    memories = server.get(f"{RUN}/memories?agent={agent}&tick={tick}")["memories"]
    assert memories
    for memory in memories:
        expect(panel.locator(".memory-text", has_text=memory["text"]).first).to_be_visible()
    talks = server.get(f"{RUN}/conversations?agent={agent}&last={tick}")["conversations"]
    expect(panel.locator("[data-test=conversation]")).to_have_count(len(talks))
    newest = server.get(f"{RUN}/thoughts?agent={agent}&last={tick}&limit=1000")["thoughts"][-40:]
    shown = panel.locator("[data-test=thought]")
    expect(shown).to_have_count(len(newest))
    expect(shown.first).to_contain_text(f"asked at {newest[-1]['asked_tick']}")
    ended = [talk["closed"]["because"] for talk in talks if talk["closed"]]
    expect(panel.locator(".conversation p.faint", has_text="Ended: ")).to_have_count(len(ended))
    panel.locator("[data-test=conversation] summary").last.click(position={"x": 5, "y": 8})
    expect(panel).to_contain_text(talks[0]["speeches"][0]["text"])
    shot(page, "mind")


def test_an_agent_that_is_not_there_is_told_so(village: Open, watched: Watched) -> None:
    watched.forgiven = ("agents/4000", "agent=4000")  # a browser writes every 404 into its console
    page = village("?tick=10&agent=4000")
    expect(page.locator("[data-test=inspector]")).to_contain_text("no such agent")


# -- events and causes ------------------------------------------------------------------------------------


def test_events_are_filtered_by_kind_agent_and_ticks_and_paged(village: Open, server: Server) -> None:
    page = village("?tick=200&tab=events")
    rows = page.locator("[data-test=events] .event")
    expect(rows.first).to_have_attribute("data-event", re.compile("^200:"))
    page.select_option("[data-test=filter-kind]", "GoodsTraded")
    page.fill("[data-test=filter-agent]", "7")
    page.keyboard.press("Enter")
    wanted = server.get(f"{RUN}/events?kind=GoodsTraded&agent=7&last=200&limit=1000")["events"]
    expect(rows).to_have_count(min(100, len(wanted)))
    assert [row.get_attribute("data-event") for row in rows.all()] == [
        f"{e['tick']}:{e['ordinal']}" for e in reversed(wanted[-100:])
    ]
    page.fill("[data-test=filter-agent]", "")
    page.select_option("[data-test=filter-kind]", "")
    page.fill("[data-test=filter-first]", "50")
    page.fill("[data-test=filter-last]", "52")
    page.keyboard.press("Enter")
    every = server.get(f"{RUN}/events?first=50&last=52&limit=1000")["events"]
    newest = [f"{e['tick']}:{e['ordinal']}" for e in reversed(every)]
    expect(rows.first).to_have_attribute("data-event", newest[0])
    page.click("[data-test=older]")
    expect(rows.first).to_have_attribute("data-event", newest[100])
    page.click("[data-test=newest]")
    expect(rows.first).to_have_attribute("data-event", newest[0])


def test_events_are_told_in_the_commands_words_with_the_names_that_the_page_knows(
    village: Open, server: Server
) -> None:
    page = village("?tick=200&tab=events")
    names = {each["agent"]: each["name"] for each in server.get(f"{RUN}/state?tick=200")["agents"]}
    rows = page.locator("[data-test=events] .event")
    for kind in ("SpeechMade", "GoodsGathered", "ConversationClosed"):
        page.select_option("[data-test=filter-kind]", kind)
        events = server.get(f"{RUN}/events?kind={kind}&last=200&limit=100&newest=1")["events"]
        wanted = [sentence(event, lambda agent: names.get(agent, f"Agent {agent}")) for event in reversed(events)]
        expect(rows.locator(".event-told")).to_have_text([told[0].upper() + told[1:] for told in wanted])
    agent = events[-1]["agent"]
    page = village(f"?tick={events[-1]['tick']}&agent={agent}")
    own = page.locator("[data-test=inspector] .event-told")
    expect(own.first).to_be_visible()
    told = [row.inner_text() for row in own.all()]
    own_name = [each for each in told if each.startswith(names[agent])]
    assert len(own_name) < len(told) and all(each.startswith(f"{names[agent]} and ") for each in own_name)


def test_a_click_on_an_event_goes_there_and_shows_what_caused_it(village: Open, server: Server) -> None:
    page = village("?tick=200&tab=events")
    page.select_option("[data-test=filter-kind]", "SpeechMade")
    expect(page.locator("[data-test=events] .event").first).to_have_attribute("title", "Speech made")
    row = page.locator("[data-test=events] .event").nth(1)
    row.click()
    address = row.get_attribute("data-event")
    assert address
    tick, ordinal = map(int, address.split(":"))
    drawn(page, tick)
    graph = page.locator("[data-test=event-more] .graph")
    expect(graph.locator(f"[data-event='{address}']")).to_have_class(re.compile("asked"))
    causes = server.get(f"{RUN}/why/{tick}/{ordinal}?depth=3&breadth=4")["causes"]
    for cause in causes:
        expect(graph.locator(f"[data-event='{cause['tick']}:{cause['ordinal']}']")).to_have_count(1)
    shot(page, "events")


def test_a_click_on_an_event_while_time_runs_stops_there_and_its_causes_stay_open(village: Open) -> None:
    page = village("?tick=100&tab=events")
    page.keyboard.press("Space")
    page.wait_for_function("window.polis.clock.tick > 106")
    page.locator("[data-test=events] .event").nth(3).locator(".event-told").click()
    more = page.locator("[data-test=event-more]")
    expect(more).to_be_visible()
    page.wait_for_timeout(1_500)  # longer than the list takes to follow the cursor
    expect(more).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(more).to_have_count(0)  # it follows the cursor again


def test_who_is_named_beside_the_map_can_be_clicked_while_time_runs(village: Open) -> None:
    page = village("?tick=100&agent=17")
    tie = page.locator(".tie button").first
    expect(tie).to_be_visible()
    tie.scroll_into_view_if_needed()
    page.keyboard.press("Space")
    page.wait_for_function("window.polis.clock.tick > 103")
    hit = (
        "document.addEventListener('pointerdown', ({ target }) => (window.hit = !!target.closest('.tie button')), true)"
    )
    page.evaluate(hit)
    while True:  # by its place, since it is another element ten times a second
        box = page.evaluate("document.querySelector('.tie button').getBoundingClientRect().toJSON()")
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        if page.evaluate("window.hit"):
            break
        page.mouse.up()  # what stands above it grew by a line just then
        page.evaluate("window.polis.select({ agent: 17 }); window.polis.clock.play(1)")
    now = page.evaluate("window.polis.clock.tick")
    page.wait_for_function(f"window.polis.clock.tick > {now} + 6")
    page.mouse.up()
    page.wait_for_function("window.polis.agent !== 17")


def test_causes_can_be_followed_from_event_to_event(village: Open, server: Server, thought: dict[str, Any]) -> None:
    events = server.get(f"{RUN}/events?kind=SpeechMade&first={thought['effect_tick']}&limit=50")["events"]
    spoken = next(e for e in events if e["agent"] == thought["agent"])
    page = village(f"?event={spoken['tick']}:{spoken['ordinal']}")
    panel = page.locator("[data-test=causes-panel]")
    expect(panel.locator(".cause.asked")).to_have_attribute("data-event", f"{spoken['tick']}:{spoken['ordinal']}")
    expect(panel).to_contain_text("Because")
    fitted = """() => {
        const frame = document.querySelector("#panel-causes .graph"), f = frame.getBoundingClientRect();
        const cards = [...frame.querySelectorAll(".cause > rect:first-child")].map((c) => c.getBoundingClientRect());
        const inside = ({ left, right, top, bottom }) =>
            left >= f.left && right <= f.right && top >= f.top && bottom <= f.bottom;
        // A hair of a card is no card.
        const seen = cards.filter((c) =>
            c.right > f.left + 3 && c.left < f.right - 3 && c.bottom > f.top + 3 && c.top < f.bottom - 3);
        const asked = frame.querySelector(".asked > rect").getBoundingClientRect();
        const cut = seen.filter((c) => !inside(c)).length;
        return { cut, asked: inside(asked), high: asked.height, left: asked.left };
    }"""
    page.wait_for_function(f"(({fitted})()).cut === 0 && (({fitted})()).asked")
    at_first = page.evaluate(fitted)
    assert at_first["high"] >= 54 * 0.7 - 1  # and it can be read
    expect(panel.locator(".graph-hint")).to_contain_text("wheel to zoom")
    shot(page, "causes")
    panel.get_by_role("button", name="Zoom in").click()
    page.wait_for_function(f"(({fitted})()).high > {at_first['high']}")
    panel.locator("[data-test=graph-fit]").click()
    page.wait_for_function(f"(({fitted})()).high === {at_first['high']}")
    assert page.evaluate(fitted) == at_first
    cause = server.get(f"{RUN}/why/{spoken['tick']}/{spoken['ordinal']}")["causes"][0]
    address = f"{cause['tick']}:{cause['ordinal']}"
    panel.locator(f".graph [data-event='{address}']").click()
    expect(panel.locator(".cause.asked")).to_have_attribute("data-event", address)
    drawn(page, cause["tick"])
    assert f"event={address}" in page.url
    panel.get_by_role("button", name="Back").click()
    expect(panel.locator(".cause.asked")).to_have_attribute("data-event", f"{spoken['tick']}:{spoken['ordinal']}")


def test_an_agent_is_found_by_name(village: Open) -> None:
    page = village("?tick=60")
    page.wait_for_function("window.polis.people.size > 0")
    name = page.evaluate("window.polis.people.name(23)")
    page.keyboard.press("/")
    page.keyboard.type(name[: len(name) - 2])
    expect(page.get_by_role("option").first).to_contain_text(name)
    page.keyboard.press("Enter")
    page.wait_for_function("window.polis.agent === 23")
