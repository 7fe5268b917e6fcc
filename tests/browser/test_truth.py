"""What the page says is so at the cursor's tick, and what it can't show it says in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import drawn
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
