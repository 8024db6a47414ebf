"""Looking names up, in threads that hold up nobody.

``getaddrinfo`` can't be interrupted: a name server that swallows what it is asked keeps its caller
for 20 seconds and more. Threads of the event loop are waited for by whoever ends: ``asyncio.run``
for those of its executor, the interpreter for all that are no daemons. So a Ctrl-C, or a time-out
around all of it, would come late. Here the threads are daemons, and whoever asked may leave.

There is one thread for a name: who asks for one that is being looked up waits for the same answer.
So attempts that follow one another leave no pile of threads behind.
"""

from __future__ import annotations

import copy
import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

import anyio
from anyio.lowlevel import EventLoopToken, current_token

LOOKUPS_MAX: Final = 32
"""Names that are looked up at once; further ones wait. A process talks to fewer hosts than that,
and a thread costs about 50 kB."""

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Looks a name up: the rows of ``socket.getaddrinfo``. May block, and raise OSError."""

Tell = Callable[[], None]
"""Wakes who waits, from another thread."""


def ask_system(host: str) -> list[tuple[Any, ...]]:
    """Let the system look a name up."""
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


class Lookup:
    """One name that is being looked up.

    Attributes:
        waiting: those to wake when it is over.
        addresses: what was found, best first.
        error: why nothing was.
    """

    __slots__ = ("addresses", "error", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Tell] = []
        self.addresses: list[str] = []
        self.error: Exception | None = None

    def result(self) -> list[str]:
        """Return what was found, or raise why nothing was: afresh for each who asked."""
        if self.error is not None:
            raise copy.copy(self.error)
        return list(self.addresses)


class Lookups:
    """The names that are being looked up. May be used from any thread and any event loop.

    Args:
        ask: looks a name up.
        lookups_max: how many at once.
    """

    def __init__(self, ask: Ask = ask_system, lookups_max: int = LOOKUPS_MAX) -> None:
        self._ask = ask
        self._lookups_max = lookups_max
        self._lock = threading.Lock()
        self._under_way: dict[str, Lookup] = {}

    async def addresses(self, host: str) -> list[str]:
        """Return the addresses of a host, best first; of an address, itself.

        May be cancelled at any time; the thread goes on by itself then.

        Raises:
            OSError: it has none, or nobody knows.
            UnicodeError: it is no name.
        """
        if is_address(host):
            return [host]
        token = current_token()
        while True:
            over = anyio.Event()
            lookup, is_asked = self._join(host, tell := teller(token, over))
            try:
                await over.wait()
            finally:
                self._leave(lookup, tell)
            if is_asked:
                return lookup.result()

    def addresses_within(self, host: str, timeout_s: float) -> list[str]:
        """Return the same to a caller that blocks, which signals may interrupt.

        Raises:
            OSError, UnicodeError: as ``addresses``; TimeoutError after ``timeout_s``.
        """
        if is_address(host):
            return [host]
        while True:
            over = threading.Event()
            lookup, is_asked = self._join(host, over.set)
            try:
                if not over.wait(timeout_s):
                    raise TimeoutError(errno.ETIMEDOUT, f"no name server says who {host} is")
            finally:
                self._leave(lookup, over.set)
            if is_asked:
                return lookup.result()

    def _join(self, host: str, tell: Tell) -> tuple[Lookup, bool]:
        """Wait with whoever waits for this name, or else begin; or, if there are too many, wait
        for any of them (False), to come back then."""
        with self._lock:
            lookup = self._under_way.get(host)
            if lookup is None and len(self._under_way) >= self._lookups_max:
                other = next(iter(self._under_way.values()))
                other.waiting.append(tell)
                return other, False
            if lookup is None:
                lookup = self._begin(host)
            lookup.waiting.append(tell)
            return lookup, True

    def _begin(self, host: str) -> Lookup:
        lookup = self._under_way[host] = Lookup()
        thread = threading.Thread(
            target=self._look_up, args=(host, lookup), name="agentgate name", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more threads
            del self._under_way[host]
            raise OSError(errno.EAGAIN, f"no thread to look a name up: {error}") from error
        return lookup

    def _leave(self, lookup: Lookup, tell: Tell) -> None:
        with self._lock:
            if tell in lookup.waiting:
                lookup.waiting.remove(tell)

    def _look_up(self, host: str, lookup: Lookup) -> None:
        """Run in a thread."""
        try:
            lookup.addresses = list(dict.fromkeys(map(text_of, self._ask(host))))
        except Exception as error:
            lookup.error = error
        with self._lock:
            del self._under_way[host]
            waiting = list(lookup.waiting)
        for tell in waiting:
            tell()


LOOKUPS: Final = Lookups()
"""Those of this process."""


def is_address(host: str) -> bool:
    """Whether a host is an IP address, maybe with a zone (``fe80::1%eth0``)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def teller(token: EventLoopToken, event: anyio.Event) -> Tell:
    """Return what sets an event from another thread, and does not wait until it is set."""
    loop: Any = token.native_token
    is_trio = hasattr(loop, "run_sync_soon")
    soon: Callable[[Tell], object] = loop.run_sync_soon if is_trio else loop.call_soon_threadsafe

    def tell() -> None:
        with suppress(RuntimeError):  # the event loop has ended, and who waited there with it
            soon(event.set)

    return tell


def text_of(row: tuple[Any, ...]) -> str:
    """Return the address in a row of ``getaddrinfo``, with its zone if it has one."""
    address, *rest = row[4]
    zone = rest[2] if len(rest) > 2 else 0
    return f"{address}%{zone}" if zone and "%" not in address else str(address)
