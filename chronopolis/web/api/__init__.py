"""The endpoints, one module a subject."""

from __future__ import annotations

from chronopolis.web.api import (
    agents,
    asking,
    changing,
    description,
    events,
    following,
    nothing,
    runs,
    states,
    thoughts,
)

_SUBJECTS = (
    runs.router, states.router, agents.router, events.router, thoughts.router, asking.router, changing.router,
    following.router, description.router,
)  # fmt: skip
ROUTERS = (*_SUBJECTS, nothing.after(_SUBJECTS))
"""In the order in which the description lists them; the last takes what no other does."""
