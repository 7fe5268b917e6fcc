"""How the pages look and can be used: themes, keys, names of everything, room at 1280 × 720."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import VILLAGE, drawn, shot

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
    for _ in range(3):  # system, light, dark, and round again
        page.keyboard.press("g")
        if page.evaluate("localStorage.getItem('polis.theme')") == other:
            break
    page.wait_for_function(f"{dark} === {str(other == 'dark').lower()}")
    page.wait_for_function(f"window.polis.map.ground.colours[0] !== {ground}")
    page.reload()
    drawn(page)
    page.wait_for_function(f"{dark} === {str(other == 'dark').lower()}")


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


def test_each_panel_has_a_key_and_the_arrows_move_between_tabs(village: Open) -> None:
    page = village("?tick=140")
    for key, name in zip("12345", ("Agent", "Events", "Causes", "Measures", "Run"), strict=True):
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
    page.get_by_role("tab", name="Run", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Agent", exact=True)).to_be_focused()


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
    wide, high = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert (wide, high) <= (1280, 720)
    over = page.evaluate(
        """() => [...document.querySelectorAll(".polis .bar > *, .polis .transport > *, .polis .tabs > *")]
            .filter((each) => each.offsetParent && each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => each.outerHTML.slice(0, 120))"""
    )  # fmt: skip
    assert not over


def test_the_timeline_is_a_slider_for_those_who_can_not_see_it(village: Open) -> None:
    page = village("?tick=140")
    slider = page.get_by_role("slider", name=f"Timeline of {VILLAGE}")
    expect(slider).to_have_attribute("aria-valuenow", "140")
    expect(slider).to_have_attribute("aria-valuemax", "260")
    expect(slider).to_have_attribute("aria-valuetext", "tick 140 of 260")


def test_text_can_be_told_from_what_it_stands_on(village: Open) -> None:
    for scheme in ("light", "dark"):
        page = village("?tick=140", color_scheme=scheme)
        ratios = page.evaluate(
            """() => {
                const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                const light = (text) => {
                    const [r, g, b] = [1, 3, 5].map((i) => linear(parseInt(text.slice(i, i + 2), 16) / 255));
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const of = (name) => light(getComputedStyle(document.body).getPropertyValue(name).trim());
                const ratio = (a, b) => (Math.max(of(a), of(b)) + 0.05) / (Math.min(of(a), of(b)) + 0.05);
                const names = ["--ink", "--soft", "--faint", "--accent", "--bad"];
                return names.map((name) => [name, ratio(name, "--panel")]);
            }"""
        )  # fmt: skip
        assert all(ratio >= 4.5 for _, ratio in ratios), (scheme, ratios)
