"""The debugger in the browser: pages that own time themselves and ask the HTTP API for the rest."""

from chronopolis.web.page.pages import mount

__all__ = ["mount"]
