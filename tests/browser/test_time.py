"""Time on the page: scrubbing, stepping, playing, jumping, zooming, bookmarks, links."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import VILLAGE, drawn, shot, tick_of
from tests.support.debugger import Server

Open = Callable[..., Page]


def timeline(page: Page) -> dict[str, float]:
    box = page.locator("canvas.timeline").bounding_box()
    assert box is not None
    return box


def test_a_run_opens_at_tick_0_with_everybody_on_the_map(village: Open, server: Server) -> None:
    page = village()
    assert tick_of(page) == 0
    there = server.get(f"/api/runs/{VILLAGE}/state?tick=0")["population"]
    assert page.evaluate("window.polis.track.shown.n") == there
    expect(page.get_by_role("heading", name=f"{there} people")).to_be_visible()


def test_dragging_along_the_timeline_shows_the_ticks_under_the_hand(village: Open) -> None:
    page = village()
    box = timeline(page)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, y)
    page.mouse.down()
    seen = []
    for part in (0.2, 0.4, 0.6, 0.8):
        page.mouse.move(box["x"] + box["width"] * part, y, steps=6)
        drawn(page)
        seen.append(tick_of(page))
    page.mouse.up()
    assert seen == sorted(seen)
    assert seen == pytest.approx([52, 104, 156, 208], abs=2)
    expect(page.locator(".tick")).to_have_value(str(seen[-1]))


def test_steps_go_forward_and_back_by_button_and_by_key(village: Open) -> None:
    page = village("?tick=100")
    for press, expected in (
        ("[data-test=forward]", 101), ("[data-test=back]", 100), ("[data-test=back]", 99),
    ):  # fmt: skip
        page.click(press)
        drawn(page, expected)
    for key, expected in (
        ("ArrowRight", 100), ("Shift+ArrowRight", 110), ("Shift+ArrowLeft", 100), ("ArrowLeft", 99),
        ("Control+ArrowRight", 199), ("End", 260), ("Home", 0),
    ):  # fmt: skip
        page.keyboard.press(key)
        drawn(page, expected)


def test_it_plays_pauses_and_plays_backwards(village: Open) -> None:
    page = village("?tick=100")
    page.keyboard.press("+")
    page.keyboard.press("Space")
    expect(page.locator("[data-test=play]")).to_have_accessible_name("Pause")
    page.wait_for_function("window.polis.clock.tick >= 112")
    page.keyboard.press("Space")
    expect(page.locator("[data-test=play]")).to_have_accessible_name("Play")
    rested = tick_of(page)
    drawn(page, rested)
    page.click("[data-test=reverse]")
    page.wait_for_function(f"window.polis.clock.tick <= {rested - 8}")
    page.click("[data-test=reverse]")
    drawn(page, tick_of(page))


def test_play_ends_at_the_head_and_begins_again_from_the_start(village: Open) -> None:
    page = village("?tick=255")
    page.get_by_label("Speed in ticks a second").select_option("64")
    page.click("[data-test=play]")
    page.wait_for_function("window.polis.clock.tick === 260 && !window.polis.clock.playing")
    page.click("[data-test=play]")
    page.wait_for_function("window.polis.clock.playing && window.polis.clock.tick < 200")


def test_agents_walk_between_ticks_while_it_plays_and_stand_still_afterwards(village: Open) -> None:
    page = village("?tick=30")
    page.get_by_label("Speed in ticks a second").select_option("1")
    page.click("[data-test=play]")
    page.wait_for_function("window.polis.map.fraction > 0.2 && window.polis.map.next")
    page.click("[data-test=play]")
    page.wait_for_function("window.polis.map.fraction === 0")


def test_a_page_on_which_nothing_moves_draws_nothing(village: Open) -> None:
    page = village("?tick=30")
    pictures = """() => new Promise((done) => {
        const { map } = window.polis, ask = window.requestAnimationFrame;
        let drawn = 0, asked = 0;
        const off = map.on("drawn", () => drawn++);
        window.requestAnimationFrame = (call) => (asked++, ask(call));
        setTimeout(() => (off(), (window.requestAnimationFrame = ask), done([drawn, asked])), 400);
    })"""
    page.wait_for_function("window.polis.timeline.density && window.polis.people.size > 0")
    page.wait_for_timeout(500)  # longer than lists take to follow the cursor
    assert page.evaluate(pictures) == [0, 0]
    page.keyboard.press("Space")
    page.wait_for_function("window.polis.map.fraction > 0")
    page.keyboard.press("Space")
    page.wait_for_function("window.polis.map.fraction === 0")
    page.keyboard.press("ArrowRight")  # and it wakes up for a single step
    drawn(page, tick_of(page))


def test_a_tick_can_be_typed(village: Open) -> None:
    page = village()
    page.keyboard.press("t")
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    drawn(page, 123)
    expect(page).to_have_url(re.compile(r"tick=123"))


def test_a_tick_beyond_the_head_becomes_the_head_and_says_so(village: Open) -> None:
    page = village("?tick=99999")
    assert tick_of(page) == 260
    expect(page.locator(".notice.bad")).to_contain_text("has not happened yet")


def test_the_timeline_zooms_around_the_hand_and_shows_everything_again(village: Open) -> None:
    page = village("?tick=130")
    box = timeline(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(4):
        page.mouse.wheel(0, -400)
    page.wait_for_function("window.polis.timeline.scale.span < 60")
    first, last = page.evaluate("[window.polis.timeline.scale.first, window.polis.timeline.scale.last]")
    assert first < 130 < last
    page.wait_for_function("window.polis.timeline.density.width === 1")  # and the density is asked for anew
    page.keyboard.press("m")
    page.wait_for_function("window.polis.timeline.scale.span === 260")


def test_the_density_is_what_the_headers_counted(village: Open, server: Server) -> None:
    page = village()
    page.wait_for_function("window.polis.timeline.density")
    shown = page.evaluate("window.polis.timeline.density.events.reduce((a, b) => a + b, 0)")
    assert shown == server.get(f"/api/runs/{VILLAGE}")["events"]


def test_the_density_is_drawn_from_its_least_to_its_most(village: Open) -> None:
    page = village()
    usual = "async (n) => (await import('chronopolis/timeline_picture.js')).usual(n)"
    even = page.evaluate(usual, [9000, *[500 + k % 40 for k in range(200)], 120])  # a founding, a short end
    assert 450 < even["least"] < 500
    assert 540 <= even["most"] < 600
    assert page.evaluate(usual, [5, 0, 40, 90])["least"] == 0
    assert page.evaluate(usual, [0, 0]) == {"least": 0, "most": 1}


def test_bookmarks_are_kept_in_the_browser_and_in_the_link(village: Open, new_page: Open) -> None:
    page = village("?tick=77")
    page.keyboard.press("b")
    expect(page.locator(".notice")).to_contain_text("Tick 77 is bookmarked")
    assert "marks=77" in page.url
    page.reload()
    drawn(page)
    page.keyboard.press("Home")
    drawn(page, 0)
    page.keyboard.press("]")
    drawn(page, 77)
    elsewhere = new_page(page.url[page.url.index("/run/") :])
    drawn(elsewhere)
    assert elsewhere.evaluate("window.polis.bookmarks.ticks") == [77]


def test_a_bookmark_beyond_the_two_hundredth_is_refused_in_words_and_none_is_lost(village: Open) -> None:
    marks = list(range(40, 240))
    page = village("?tick=7&marks=" + ",".join(map(str, marks)))
    page.keyboard.press("b")
    expect(page.locator(".notice.bad")).to_contain_text("There are 200 bookmarks: take one away")
    assert page.evaluate("window.polis.bookmarks.ticks") == marks
    page.keyboard.press("]")
    drawn(page, 40)
    page.keyboard.press("b")  # which takes it away
    page.keyboard.press("Home")
    page.keyboard.press("b")
    expect(page.locator(".notice", has_text="Tick 0 is bookmarked")).to_be_visible()
    assert page.evaluate("window.polis.bookmarks.ticks") == [0, *marks[1:]]


def test_two_tabs_on_one_run_keep_each_others_bookmarks(village: Open) -> None:
    one, other = village("?tick=77"), village("?tick=99")
    one.keyboard.press("b")
    other.wait_for_function("window.polis.bookmarks.ticks.join() === '77'")
    assert "marks=77" in other.url
    other.keyboard.press("b")
    one.wait_for_function("window.polis.bookmarks.ticks.join() === '77,99'")
    one.wait_for_function("window.polis.timeline.marks.filter((m) => m.kind === 'bookmark').length === 2")
    one.reload()
    drawn(one)
    assert one.evaluate("window.polis.bookmarks.ticks") == [77, 99]


def test_a_link_restores_run_tick_agent_and_panel(village: Open) -> None:
    page = village("?tick=150&agent=7&tab=events&layer=elevation&by=energy")
    assert tick_of(page) == 150
    assert page.evaluate("[window.polis.agent, window.polis.map.layer, window.polis.map.by]") == [
        7,
        "elevation",
        "energy",
    ]
    expect(page.get_by_role("tab", name="Events")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowRight")
    drawn(page, 151)
    expect(page).to_have_url(re.compile(r"tick=151&agent=7"))


@pytest.mark.parametrize("tick", [0, 260])
def test_the_cursor_is_whole_at_either_end(village: Open, tick: int) -> None:
    page = village(f"?tick={tick}")
    wide = """() => {
        const { canvas, colours } = window.polis.timeline;
        const row = canvas.getContext("2d").getImageData(0, canvas.height / 2, canvas.width, 1).data;
        const accent = [1, 3, 5].map((k) => parseInt(colours.accent.slice(k, k + 2), 16));
        return [...Array(canvas.width).keys()].filter((x) => accent.every((v, k) => row[4 * x + k] === v)).length;
    }"""
    page.wait_for_function("window.polis.timeline.density")
    assert page.evaluate(wide) == 2


def test_snapshots_are_marked_faintly_on_the_timeline(village: Open, server: Server) -> None:
    page = village()
    page.wait_for_function("window.polis.timeline.marks.length > 0")
    shown = page.evaluate("window.polis.timeline.marks.filter((m) => m.kind === 'snapshot').map((m) => m.tick)")
    assert shown == server.get(f"/api/runs/{VILLAGE}/marks")["snapshots"]


def test_it_looks_as_in_the_guide(village: Open) -> None:
    page = village("?tick=140")
    page.wait_for_function("window.polis.timeline.density && window.polis.people.size > 0")
    shot(page, "run")


def test_space_is_for_what_tab_has_led_to_and_else_for_time(village: Open) -> None:
    page = village("?tick=100")
    page.click("[data-test=forward]")
    page.keyboard.press("Space")  # the button was clicked with the mouse: time is meant
    page.wait_for_function("window.polis.clock.playing")
    page.keyboard.press("Space")
    page.locator("[data-test=where]").focus()
    page.keyboard.press("Shift+Tab")
    page.locator("[data-test=back]").focus()
    before = tick_of(page)
    page.keyboard.press("Space")
    drawn(page, before - 1)
    assert not page.evaluate("window.polis.clock.playing")
