"""Names for HTTP libraries that dial for themselves: looked up in threads that hold up nobody.

httpx and httpx2 let the event loop look names up, in threads that asyncio waits for when it ends.
While a name server is silent that would hold up a gateway that is told to stop. Only how names are
looked up changes: proxies, TLS, time-outs and the library's own errors stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any, Final

import anyio

from agentgate_names.lookups import LOOKUPS, Lookups
from agentgate_names.racing import first_of

POOL: Final = "_pool"
BACKEND: Final = "_network_backend"
"""Where the libraries keep what dials. Pools of httpcore can be given one, but httpx gives them
none, and a transport of one's own would lose the proxies that the environment names."""


def look_names_up(client: Any, errors: ModuleType, lookups: Lookups = LOOKUPS) -> None:
    """Let a client that has sent nothing yet look names up by ours.

    What is no pool of connections dials nothing, and is left alone.

    Args:
        client: an ``AsyncClient`` of httpx or httpx2.
        errors: the module below it, httpcore or httpcore2, whose errors it knows.
        lookups: look names up.
    """
    ways = [getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values()]
    for way in ways:
        pool = getattr(way, POOL, None)
        dials = getattr(pool, BACKEND, None)
        if dials is not None:
            setattr(pool, BACKEND, Named(dials, errors, lookups))


class Named:
    """A network backend of httpcore, of either generation, around one of its own.

    Args:
        inner: opens the connections; it is given addresses only.
        errors: the module whose errors it raises.
        lookups: look names up.
    """

    def __init__(self, inner: Any, errors: ModuleType, lookups: Lookups) -> None:
        self.inner = inner
        self.errors = errors
        self.lookups = lookups

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        """Connect to the first address of a host that answers.

        Raises:
            ConnectError: the host has no address, or none that can be reached.
            ConnectTimeout: it took too long, its name included.
        """

        async def dial(address: str) -> Any:
            return await self.inner.connect_tcp(
                address, port, local_address=local_address, socket_options=socket_options
            )

        failures = (self.errors.ConnectError, self.errors.ConnectTimeout)
        with anyio.move_on_after(timeout):
            addresses = await self.resolve(host)
            try:
                return await first_of(addresses, dial, close, failures)
            except ExceptionGroup as group:
                failed = group.exceptions[0]
            # As if the library had dialled that address alone. It drops causes on its way up, so
            # that only the context tells why; in the handler above, that would be the group.
            raise failed
        raise self.errors.ConnectTimeout("no connection came about in time")

    def __getattr__(self, name: str) -> Any:
        """Leave to the one within what has no name of a host in it: pauses, sockets at a path."""
        return getattr(self.inner, name)

    async def resolve(self, host: str) -> list[str]:
        """Return the addresses of a host, best first.

        Raises:
            ConnectError: it has none, or nobody knows.
        """
        try:
            addresses = await self.lookups.addresses(host)
        except OSError as error:
            raise self.errors.ConnectError(str(error)) from error
        except UnicodeError as error:
            raise self.errors.ConnectError("its host is no name") from error
        if not addresses:
            raise self.errors.ConnectError("its host has no address")
        return addresses


async def close(stream: Any) -> None:
    """Close a connection that is not needed, even if our caller is being cancelled."""
    with anyio.CancelScope(shield=True):
        await stream.aclose()
