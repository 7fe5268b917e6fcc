"""The endpoints, one module a subject."""

from __future__ import annotations

from chronopolis.web.api import runs, states

ROUTERS = (runs.router, states.router)
"""In the order in which the description lists them."""
