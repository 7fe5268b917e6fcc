"""The pages: what is served, and the one element in which the browser's part lives.

Time lives in the browser. Pushing frames through the websocket took 53 ms from a slider to paint; modules that fetch
from the API take 11 to 19. So NiceGUI carries the pages, the modules and the theme, and everything that follows the
cursor asks the same HTTP API as anybody else would.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse, Response
from nicegui import Client, ui
from nicegui import app as nicegui_app
from nicegui.dependencies import compute_key, register_esm
from nicegui.element import Element
from nicegui.version import __version__ as nicegui_version
from starlette.exceptions import HTTPException

from domain.codes import Biome, Good, Intention, Occupation
from domain.events import KINDS
from domain.rules.constants import HUNGRY, STARVING

_HERE = Path(__file__).parent
_MODULES = _HERE / "js"
_HISTORY = 50  # messages kept for a client that comes back: nearly none are sent


class View(Element, component="polis_view.js"):
    """One page's worth of the browser's part."""

    def __init__(self, view: str, **given: object) -> None:
        super().__init__()
        self._props.update(view=view, codes=_codes(), kinds=_kinds(), **given)


def mount(app: FastAPI) -> None:
    """Add the pages to an application that serves the API already.

    Parameters
    ----------
    app : FastAPI
        Its own routes come first: the pages answer only what it does not.
    """
    head = _head()

    @app.get("/", include_in_schema=False)
    async def home(run: str | None = None) -> Response:
        return RedirectResponse(f"/run/{quote(run, safe='')}" if run else "/runs")

    @ui.page("/runs", title="Chronopolis")
    def runs() -> None:
        ui.add_head_html(head)
        View("runs")

    @ui.page("/run/{name}", title="Chronopolis")
    def run(name: str) -> None:
        ui.add_head_html(head)
        View("run", run=name)

    @ui.page("/compare", title="Chronopolis")
    def compare(a: str = "", b: str = "") -> None:
        ui.add_head_html(head)
        View("compare", a=a, b=b)

    # NiceGUI asks for this where nobody has a page: what it has of its own would be a stranger here.
    @nicegui_app.exception_handler(404)
    async def nothing(request: Request, error: Exception) -> Response:
        if request.url.path.startswith("/_nicegui/"):
            return await http_exception_handler(request, HTTPException(404))
        with Client(ui.page("", title="Chronopolis"), request=request) as client:
            ui.add_head_html(head)
            View("nothing", path=request.url.path)
        return client.build_response(request, 404)

    ui.run_with(
        app,
        title="Chronopolis",
        favicon=_HERE / "favicon.svg",
        dark=None,
        tailwind=False,
        binding_refresh_interval=None,
        message_history_length=_HISTORY,
        show_welcome_message=False,
    )


def _head() -> str:
    """Return what every page loads: the style, and all modules at once, not as each is found to need the next."""
    files = sorted(_MODULES.rglob("*"))
    newest = max(path.stat().st_mtime for path in files)
    register_esm("chronopolis", _MODULES, max_time=newest)
    base = f"/_nicegui/{nicegui_version}/esm/{compute_key(_MODULES, max_time=newest)}"
    parts = [f'<link rel="stylesheet" href="{base}/{path.name}">' for path in files if path.suffix == ".css"]
    parts += [f'<link rel="modulepreload" href="{base}/{path.name}">' for path in files if path.suffix == ".js"]
    return "\n".join(parts)


def _codes() -> dict[str, Any]:
    """Return names of codes, and below which satiety one counts as what the measures of these names say."""
    named = {"occupation": Occupation, "intention": Intention, "biome": Biome, "good": Good}
    names = {name: [code.name.lower() for code in codes] for name, codes in named.items()}
    return names | {"satiety_below": {"hungry": HUNGRY, "starving": STARVING}}


def _kinds() -> list[dict[str, str]]:
    return [{"name": kind.name, "summary": kind.summary} for kind in KINDS]
