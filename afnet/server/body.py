"""Bodies of HTTP requests: no larger than what is asked for, and here within a time, whoever sends them.

Rules of this file:
- Who sends slowly holds a connection and nothing else, and not for long.
"""

import asyncio

from aiohttp import web

from afcore.errors import LimitReached

__all__ = ["BODY_TIME", "body_within"]

BODY_TIME = 60.0
"""Seconds in which the body of a request must have come."""


async def body_within(request: web.Request, most: int) -> bytes:
    """Return the body of a request.

    Raises HTTPRequestEntityTooLarge for one of more than ``most`` bytes, LimitReached for one that does not come.
    """
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=request.content_length or 0)
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            async for piece in request.content.iter_any():
                data += piece
                if len(data) > most:
                    raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(data))
    except TimeoutError:
        raise LimitReached(
            f"The request did not come whole within {BODY_TIME:g} seconds: the budget of one request.", code="slow"
        ) from None
    return bytes(data)
