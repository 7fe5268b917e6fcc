"""How the pages look and can be used: themes, keys, names of everything, room at 1280 × 720."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import VILLAGE, Watched, drawn, shot

Open = Callable[..., Page]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_until_one_chooses(village: Open, scheme: str) -> None:
    page = village("?tick=140", color_scheme=scheme)
    dark = "document.body.classList.contains('body--dark')"
    page.wait_for_function(f"{dark} === {str(scheme == 'dark').lower()}")
    if scheme == "dark":
        page.wait_for_function("window.polis.timeline.density")
        shot(page, "dark")
    ground = page.evaluate("window.polis.map.ground.colours[0]")
    other = "light" if scheme == "dark" else "dark"
    page.keyboard.press("g")  # the first press already changes what is seen
    expect(page.locator(".notice")).to_have_text(f"Theme: {other}")
    page.wait_for_function(f"{dark} === {str(other == 'dark').lower()}")
    page.wait_for_function(f"window.polis.map.ground.colours[0] !== {ground}")
    page.reload()
    drawn(page)
    page.wait_for_function(f"{dark} === {str(other == 'dark').lower()}")
    page.keyboard.press("g")
    expect(page.locator(".notice")).to_have_text(f"Theme: {scheme}")
    page.keyboard.press("g")  # the same to the eye, so it has to be said
    expect(page.locator(".notice")).to_have_text(f"Theme: as the system has it, now {scheme}")


def test_a_question_mark_shows_the_keys_and_escape_closes_them(village: Open) -> None:
    page = village("?tick=140")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("play and pause")
    shot(page, "keys")
    page.keyboard.press("ArrowRight")  # keys of the page rest while a dialog is open
    assert page.evaluate("window.polis.clock.tick") == 140
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("path", "there", "not_there"),
    [
        ("/runs", ["filter by name"], ["play and pause", "fork here"]),
        (f"/compare?a={VILLAGE}&b={VILLAGE}", ["play and pause", "where the two part"], ["fork here", "bookmark"]),
        (f"/run/{VILLAGE}?tick=140", ["play and pause", "fork here", "bookmark this tick"], ["where the two part"]),
    ],
)
def test_the_keys_that_are_listed_are_those_of_the_page(
    new_page: Open, path: str, there: list[str], not_there: list[str]
) -> None:
    page = new_page(path)
    if path == "/runs":
        expect(page.locator("tr[data-run]").first).to_be_visible()
    else:
        drawn(page)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("light, dark, system")
    for words in there:
        expect(dialog).to_contain_text(words)
    for words in not_there:
        expect(dialog).not_to_contain_text(words)


def test_each_panel_has_a_key_and_the_arrows_move_between_tabs(village: Open) -> None:
    page = village("?tick=140")
    for key, name in zip("12345", ("Agent", "Events", "Causes", "Measures", "Run"), strict=True):
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
    page.get_by_role("tab", name="Run", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Agent", exact=True)).to_be_focused()


def test_the_last_events_of_an_agent_are_in_reach_of_the_keyboard(village: Open) -> None:
    page = village("?tick=140&agent=7")
    rows = page.locator("[data-test=inspector] .event")
    expect(rows.nth(2)).to_be_visible()
    page.wait_for_timeout(400)  # the list is looked up once the cursor rests
    page.locator("[data-test=segment-who]").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('event')"):
            break
    expect(rows.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    tick = int(str(rows.nth(2).get_attribute("data-event")).split(":")[0])
    assert tick < 140
    page.keyboard.press("Enter")
    drawn(page, tick)
    assert page.evaluate("document.activeElement.matches('[data-test=inspector] .event')")
    page.keyboard.press("Tab")  # the button of a row has the key for itself
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Causes")).to_have_attribute("aria-selected", "true")


def test_letters_typed_into_a_field_are_no_commands(village: Open) -> None:
    page = village("?tick=140")
    page.click("[data-test=where]")
    page.keyboard.type("food < 3 b k 1 ")
    expect(page.locator("[data-test=where]")).to_have_value("food < 3 b k 1 ")
    assert page.evaluate("[window.polis.clock.tick, window.polis.bookmarks.ticks.length]") == [140, 0]
    assert page.get_by_role("dialog").count() == 0


@pytest.mark.parametrize("path", ["/runs", f"/run/{VILLAGE}?tick=140&agent=7", f"/compare?a={VILLAGE}&b={VILLAGE}"])
def test_everything_has_a_name_and_nothing_runs_over_the_edge(new_page: Open, path: str) -> None:
    page = new_page(path)
    if path != "/runs":
        drawn(page)
    else:
        expect(page.locator("tr[data-run]").first).to_be_visible()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(".polis :is(button, input, select, canvas[tabindex], a)")]
            .filter((each) => each.offsetParent)
            .filter((each) => !(each.ariaLabel || each.labels?.length || each.textContent.trim() || each.title))
            .map((each) => each.outerHTML.slice(0, 120))"""
    )  # fmt: skip
    assert not nameless
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.locator(".polis th:empty")).to_have_count(0)
    for splitter in page.get_by_role("separator").all():
        width = page.locator(".side").evaluate("(e) => e.offsetWidth")
        expect(splitter).to_have_attribute("aria-valuenow", str(width))
    wide, high = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert (wide, high) <= (1280, 720)
    over = page.evaluate(
        """() => [...document.querySelectorAll(".polis .bar > *, .polis .transport > *, .polis .tabs > *")]
            .filter((each) => each.offsetParent && each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => each.outerHTML.slice(0, 120))"""
    )  # fmt: skip
    assert not over


@pytest.mark.parametrize("width", [390, 800])
@pytest.mark.parametrize("path", ["/runs", f"/run/{VILLAGE}?tick=140&agent=7", f"/compare?a={VILLAGE}&b={VILLAGE}"])
def test_in_a_narrow_window_there_is_a_map_and_everything_is_in_reach(new_page: Open, path: str, width: int) -> None:
    page = new_page(path)
    page.set_viewport_size({"width": width, "height": 800})
    if path == "/runs":
        expect(page.locator("tr[data-run]").first).to_be_visible()
    else:
        drawn(page)
        name = page.locator(".run-name", has_text=VILLAGE).first.bounding_box()
        assert name
        assert name["width"] > 60
        for box in page.evaluate(
            "[...document.querySelectorAll('.map')].map((m) => m.getBoundingClientRect().toJSON())"
        ):
            assert (box["width"], box["height"]) >= (190, 250)
            assert page.evaluate("({x, y}) => !!document.elementFromPoint(x + 90, y + 90).closest('.map')", box)
    over = page.evaluate(
        """() => [...document.querySelectorAll(".polis :is(.bar, .transport, .tabs, .side-head, .home-head, .runs) *")]
            .filter((each) => each.offsetParent && each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => each.outerHTML.slice(0, 120))"""
    )  # fmt: skip
    assert not over
    heads = page.locator(".transport .head").evaluate_all("all => all.map((each) => each.getClientRects().length)")
    assert set(heads) <= {1}


@pytest.mark.parametrize("size", [(640, 360), (375, 667), (844, 390)])
@pytest.mark.parametrize("path", [f"/run/{VILLAGE}?tick=140&agent=7", f"/compare?a={VILLAGE}&b={VILLAGE}"])
def test_in_a_low_window_the_panels_and_every_button_of_the_map_are_in_reach(
    new_page: Open, path: str, size: tuple[int, int]
) -> None:
    page = new_page(path)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    drawn(page)
    panel = page.locator(".side .panel:visible, .side > section:visible").first.bounding_box()
    assert panel
    assert panel["height"] > 120
    for button in page.locator(":is(.map-buttons, .side-head) button").all():
        button.click(trial=True, timeout=2000)  # scrolled to, and covered by nothing
    for legend in page.locator(".legend").all():
        box = legend.bounding_box()
        assert box
        assert box["height"] < 40, "one line: the map is to be seen"
    if size[0] < 720:
        expect(page.locator("canvas.timeline")).to_be_in_viewport(ratio=1)


def test_the_timeline_is_a_slider_for_those_who_can_not_see_it(village: Open) -> None:
    page = village("?tick=140")
    slider = page.get_by_role("slider", name=f"Timeline of {VILLAGE}")
    expect(slider).to_have_attribute("aria-valuenow", "140")
    expect(slider).to_have_attribute("aria-valuemax", "260")
    expect(slider).to_have_attribute("aria-valuetext", "tick 140 of 260")


def test_where_the_systems_colours_are_forced_on_it_a_page_still_says_what_is_chosen(village: Open) -> None:
    page = village("?tick=140&agent=7")
    page.emulate_media(forced_colors="active")
    try:
        expect(page.locator("[data-test=segment-now]")).to_be_visible()
        for chosen, other, what in (
            ("#tab-agent", "#tab-events", "borderBottomColor"),
            ("[data-test=segment-now]", "[data-test=segment-life]", "backgroundColor"),
        ):
            seen = [page.locator(each).evaluate(f"(e) => getComputedStyle(e).{what}") for each in (chosen, other)]
            assert seen[0] != seen[1], what
        chosen = page.locator("[data-test=segment-now]")
        chosen.evaluate("(e) => (e.parentElement.style.outlineColor = 'Highlight')")
        highlight = chosen.evaluate("(e) => getComputedStyle(e.parentElement).outlineColor")
        assert chosen.evaluate("(e) => getComputedStyle(e).backgroundColor") == highlight
        keys = page.locator(".legend .dot").evaluate_all("all => all.map((e) => getComputedStyle(e).backgroundColor)")
        assert len(set(keys)) == len(keys) > 1
        bars = page.locator(".meter-track i").evaluate_all("all => all.map((e) => getComputedStyle(e).backgroundColor)")
        assert len(set(bars)) == 3, "a bar for each need"
    finally:
        page.emulate_media(forced_colors="none")


# Every text that is seen, with the colour behind it: what is faded on purpose (as disabled buttons are) is left out.
FAINT = """() => {
    const parts = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const scale = (text) => (text.startsWith("color(srgb") ? 255 : 1);
    const colour = (text) => {
        const [r, g, b, a = 1] = parts(text.replace("color(srgb", "")), by = scale(text);
        return [r * by, g * by, b * by, a];
    };
    const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
    const ground = (node) => {
        const own = colour(getComputedStyle(node).backgroundColor);
        if (own[3] === 1) return own;
        return over(own, node.parentElement ? ground(node.parentElement) : [255, 255, 255, 1]);
    };
    const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const faded = (node) => node && (Number(getComputedStyle(node).opacity) < 1 || faded(node.parentElement));
    const texts = document.createTreeWalker(document.querySelector(".polis"), NodeFilter.SHOW_TEXT);
    const BARRED = "svg, option, [aria-hidden=true]", found = new Map();
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const node = text.parentElement;
        if (!text.data.trim() || !node.getClientRects().length || node.closest(BARRED) || faded(node)) continue;
        const behind = ground(node), ink = over(colour(getComputedStyle(node).color), behind);
        const [a, b] = [light(ink), light(behind)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) found.set(node.className, `${ratio.toFixed(2)} <${node.className}> ${text.data.slice(0, 40)}`);
    }
    return [...found.values()];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_told_from_what_it_stands_on(village: Open, watched: Watched, scheme: str) -> None:
    watched.forgiven = ("/bisect",)
    page = village("?tick=99999", color_scheme=scheme)  # an error is told
    expect(page.locator(".notice.bad")).to_be_visible()
    page.keyboard.press("b")  # and something else that is none
    expect(page.locator(".notice:not(.bad)")).to_be_visible()
    assert page.evaluate(FAINT) == []
    page.keyboard.press("Home")
    page.fill("[data-test=where]", "foo > 1")
    page.locator("[data-test=where]").press("Enter")
    expect(page.locator(".notice.bad", has_text="foo")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("5")
    page.keyboard.press("l")
    assert page.evaluate(FAINT) == []
    page.evaluate("window.polis.select({ agent: 7 })")
    expect(page.locator("[data-test=inspector] [data-event]").first).to_be_visible()
    for key in "1234":
        page.keyboard.press(key)
        assert page.evaluate(FAINT) == []
    page.keyboard.press("k")
    page.fill("[data-test=fork-set]", "hunger")
    page.locator("[data-test=submit]").click()
    expect(page.get_by_role("alert").filter(has_text="name=number")).to_be_visible()
    assert page.evaluate(FAINT) == []
