"""The desk where classic requests are served: the same farm, the same commands, the dialect's own answers."""

import asyncio
from typing import Any

from afcore.commands import SubmitJob
from afcore.envelope import Principal
from afcore.errors import AfError
from afcore.model.farm import Farm
from afnet.classic.dialect import error_answer, read_request
from afnet.classic.json_action import done_answer
from afnet.classic.json_get import GetJobs, jobs_answer
from afnet.classic.json_job import submitted_answer
from afnet.server.clock import Clock
from afnet.server.requests import Requests

__all__ = ["ClassicDesk"]


class ClassicDesk:
    """Answers requests of the classic dialect."""

    def __init__(self, farm: Farm, requests: Requests, clock: Clock) -> None:
        self._farm = farm
        self._requests = requests
        self._clock = clock

    async def answer(self, request: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """Return the object to send back."""
        wish = read_request(request)
        if isinstance(wish, dict):
            return wish
        if isinstance(wish, GetJobs):
            return jobs_answer(self._farm, wish, now=self._clock.now())
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(reply: Any, error: AfError | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(reply)
            else:
                future.set_exception(error)

        self._requests.post(wish, principal, done)
        try:
            reply = await future
        except AfError as error:
            return error_answer(wish, error)
        if isinstance(wish, SubmitJob):
            return submitted_answer(id=reply["id"], serial=reply["serial"])
        return done_answer()
