"""A backend, and an API for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import anyio
from tests.standins import http_api as standin
from tests.standins.http_api import HttpApi, http_api

from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import HttpOptions

BOUND_S = 20.0
LOOPBACK = ip_network("127.0.0.0/8")


@asynccontextmanager
async def backend(url: str, **options: Any) -> AsyncIterator[HttpBackend]:
    settings = {"name": "weather", "url": url, "reach": Reach(private=True), **options}
    made = HttpBackend(HttpOptions(**settings))
    try:
        with anyio.fail_after(BOUND_S):
            yield made
    finally:
        with anyio.CancelScope(shield=True):
            await made.aclose()


@asynccontextmanager
async def joined(
    behaviour: standin.Behaviour, **options: Any
) -> AsyncIterator[tuple[HttpApi, HttpBackend]]:
    """An API that does one thing at ``/``, and a backend for it."""
    async with http_api({"/": behaviour}) as api, backend(api.url, **options) as made:
        yield api, made
