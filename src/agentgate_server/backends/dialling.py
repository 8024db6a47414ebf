"""Dialling: resolve a name, check every address, connect to a checked one.

The name is resolved here and the connection goes to the address that was checked, so that a name
server which answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import anyio
import httpcore2

from agentgate_names.lookups import Lookups
from agentgate_server.backends.addresses import Address, Reach, literal
from agentgate_server.errors import NotStarted

LOOKUPS_MAX: Final = 4
"""Names that one backend looks up at once. A name server that hangs holds up nobody else."""

ADDRESSES_MAX: Final = 4
"""Addresses of one name that are tried; each gets its share of the time."""


class Forbidden(NotStarted):
    """The backend's address is not one that it may have."""


class Dialler(httpcore2.AsyncNetworkBackend):
    """Opens the connections of one backend."""

    def __init__(self, name: str, reach_of: Callable[[str, int], Reach]) -> None:
        """Open nothing yet.

        Args:
            name: what errors call the backend.
            reach_of: which addresses a host and port may have.
        """
        self.name = name
        self.reach_of = reach_of
        self.inner = httpcore2.AnyIOBackend()
        self.lookups = Lookups(lookups_max=LOOKUPS_MAX)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore2's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first checked address that answers.

        Raises:
            Forbidden: the host has no address that may be reached.
            httpcore2.ConnectError, httpcore2.ConnectTimeout: no connection.
        """
        assert timeout is not None, "a backend always has a time limit"
        deadline = anyio.current_time() + timeout
        with anyio.move_on_after(timeout):
            addresses = self.checked(await self.resolve(host, port), host, port)
            for index, address in enumerate(addresses):
                share = (deadline - anyio.current_time()) / (len(addresses) - index)
                try:
                    return await self.inner.connect_tcp(
                        str(address), port, share, local_address, socket_options
                    )
                except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                    if index + 1 == len(addresses):
                        raise
        raise httpcore2.ConnectTimeout(f"no connection within {timeout:g} s")

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, best first.

        Raises:
            httpcore2.ConnectError: it has none, or nobody knows.
        """
        found = literal(host)
        if found is not None:
            return [found]
        try:
            rows = await self.lookups.addresses(host)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no name"
            raise httpcore2.ConnectError(f"its host can't be resolved: {reason}") from error
        addresses = map(literal, rows)
        return list(dict.fromkeys(address for address in addresses if address is not None))

    def checked(self, addresses: list[Address], host: str, port: int) -> list[Address]:
        """Return those that may be reached.

        Raises:
            Forbidden: none may.
        """
        reach = self.reach_of(host, port)
        refused = {address: reach.refusal(address) for address in addresses}
        good = [address for address, kind in refused.items() if not kind]
        if not good:
            said = ", ".join(f"{address} ({kind})" for address, kind in refused.items())
            raise Forbidden(
                f"{self.name} leads to {said or 'no address'}, which it may not reach; nothing was "
                "sent; if it should, the gateway's operator sets 'private: true' or 'allow' there"
            )
        return good[:ADDRESSES_MAX]
