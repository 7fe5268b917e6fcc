"""`polis debug`: the time-travel debugger in the browser, and the HTTP API that it uses."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronopolis.cli.garbage import collect_as_usual
from chronopolis.cli.options import AsJson, examples
from chronopolis.cli.output import Output

if TYPE_CHECKING:
    import socket

_PORT = 8765
_SECRET_BYTES = 24


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog=examples(
            "polis debug  # all runs",
            "polis debug brave-otter  # opens the browser at this run",
            "polis debug --no-browser --port 0 --json  # for scripts: the first line of output says where",
            "polis debug --host 0.0.0.0  # for other machines too: they need the token that is printed",
        )
    )(debug)


def debug(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Name of the run to open, its id, or the beginning of its name."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, metavar="P", help=f"{_PORT} if left out, or a free one; 0: a free one."),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="H", help="Address to serve on; any but this machine's own needs a token.")
    ] = ("127.0.0.1"),
    token: Annotated[
        str | None, typer.Option(metavar="T", help="What clients have to show; POLIS_DEBUG_TOKEN if left out.")
    ] = None,
    allowed: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="Another name under which browsers may come; may be repeated."
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the debugger and the HTTP API until Ctrl-C or SIGTERM. Looking changes nothing.

    GET /healthz answers 200 when it is ready, and /api/docs describes the API.
    """
    from chronopolis.web.serving import bound, serve
    from workers.bootstrap import open_store

    output = Output(as_json=as_json)
    secret = _secret(token, host)
    with open_store(say=output.say) as store:
        name = None if run is None else store.find(run).name
        listening = _listening(bound, host, port)
        app = _application(store, host=host, token=secret, allowed=allowed or [])

        def ready() -> None:
            _say_where(output, listening, host=host, run=name, token=secret, browser=not no_browser)

        try:
            collect_as_usual()
            serve(app, listening, on_ready=ready)
        finally:
            listening.close()
    output.say("the server has ended")


def _application(store: Any, **guarded: Any) -> Any:
    from chronopolis.web.errors import NotBuilt, built
    from chronopolis.web.server import create_app

    app = create_app(store=store, **guarded)
    with suppress(NotBuilt):  # the API serves without its pages
        built("chronopolis.web.page", "show pages").mount(app)
    return app


def _listening(bound: Any, host: str, port: int | None) -> socket.socket:
    """Return a socket on the port; where none was asked for, another will do if ours is taken."""
    from chronopolis.web.errors import PortTaken

    if port is not None:
        return bound(host, port)
    try:
        return bound(host, _PORT)
    except PortTaken:
        return bound(host, 0)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can come by this address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _secret(token: str | None, host: str) -> str | None:
    """Return the token to ask for: the one given, one of our own where others could come, or none."""
    from chronopolis.errors import WrongUsage

    given = token or os.environ.get("POLIS_DEBUG_TOKEN") or None
    if given is not None and not (len(given) >= 8 and given.isascii() and given.isprintable() and " " not in given):
        raise WrongUsage("the token must have 8 or more printable ASCII characters, and no space")
    if given is None and not is_loopback(host):
        return secrets.token_urlsafe(_SECRET_BYTES)
    return given


def _say_where(
    output: Output, listening: socket.socket, *, host: str, run: str | None, token: str | None, browser: bool
) -> None:
    from urllib.parse import quote

    port = listening.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    url = f"http://{name}:{port}/" + (f"?run={quote(run)}" if run else "")
    door = url + (f"{'&' if run else '?'}token={quote(token)}" if token else "")
    if output.as_json:
        output.result({"url": door, "port": port, "pid": os.getpid()})
    output.say(f"serving on {door}  (Ctrl-C ends it)")
    if browser:
        import threading
        import webbrowser

        # Some browsers hold up whoever opens them.
        threading.Thread(target=webbrowser.open, args=(door,), daemon=True).start()
