"""The last resort: whatever was not caught is answered in words, and a client that went away not at all."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chronopolis.web.errors import problem, problem_of
from chronopolis.web.histories import ClientWentAway


class Safety:
    """An ASGI middleware that lets no exception reach the server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; answer what is raised."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except ClientWentAway:
            # Nobody reads this; but an answer there must be.
            if not begun:
                await problem(499, "ClientWentAway", "nobody waits for this any more")(scope, receive, send)
        except Exception as error:
            answer = problem_of(error)
            if answer.status_code == 503:
                scope["app"].state.services.heal()
            if begun:
                raise  # in the middle of an answer: all that is left is to break it off
            await answer(scope, receive, send)
