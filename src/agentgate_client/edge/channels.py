"""Channels: a device's data, by name, as they are when somebody asks."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from agentgate_client.providing import Tool

CHANNEL_S = 10.0
"""How long the data of a channel may be waited for."""

CHANNEL_BYTES_MAX = 262_144
"""Of one channel's data, as JSON: a model is to read them."""

SNAPSHOT_BYTES_MAX = 786_432
"""Of all that is told at once."""

SNAPSHOT = "data_snapshot"
"""The name of the tool that tells the data."""

SLACK_S = 5.0
"""What a snapshot may take longer than its slowest channel."""

CHANNELS_MAX = 256
"""Of one device."""

THREADS = 8
"""For sources that block. They have their own: one that hangs for ever holds up no other part."""

Source = Callable[[], Any | Awaitable[Any]]
"""Returns the data of a channel: any JSON. A plain function is called in a thread."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One of them.

    Attributes:
        source: where the data come from.
        timeout_s: how long they may be waited for.
        bytes_max: how long they may be.
    """

    source: Source
    timeout_s: float = CHANNEL_S
    bytes_max: int = CHANNEL_BYTES_MAX


class ChannelError(Exception):
    """Why there are no data; the text is for who asked."""


class Channels:
    """The channels of a device."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._threads: anyio.CapacityLimiter | None = None

    @property
    def names(self) -> list[str]:
        """All names, in order."""
        return list(self._channels)

    def add(self, name: str, channel: Channel) -> None:
        """Another channel, or another source for one that there is.

        Raises:
            ValueError: there are too many.
        """
        if name not in self._channels and len(self._channels) >= CHANNELS_MAX:
            raise ValueError(f"there are {CHANNELS_MAX} channels already")
        self._channels[name] = channel

    def tool(self) -> Tool:
        """Return the tool that tells the data."""
        names = {"type": "array", "items": {"type": "string", "enum": self.names}}

        async def data_snapshot(channels: list[str] | None = None) -> dict[str, dict[str, Any]]:
            return await self.snapshot(channels or ())

        return Tool(
            name=SNAPSHOT,
            run=data_snapshot,
            effects="read",
            description="The device's data as they are now: of these channels, or of all.",
            args={"type": "object", "properties": {"channels": names}},
            timeout_s=max(channel.timeout_s for channel in self._channels.values()) + SLACK_S,
        )

    async def snapshot(self, wanted: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Return the data of some channels, or of all; each waits for its own source alone.

        Returns:
            For each name an object with ``channel``, ``timestamp`` (RFC 3339), and ``data``, or
            ``error``: why there are none.
        """
        names = list(dict.fromkeys(wanted)) if wanted else self.names
        found: dict[str, dict[str, Any]] = {}
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(THREADS)

        async def read(name: str) -> None:
            found[name] = await self._read(name)

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(read, name)
        room = SNAPSHOT_BYTES_MAX
        for name in names:
            size = len(msgspec.json.encode(found[name]))
            if size > room:
                found[name] = row(name, error="left out: the other channels take all the room")
            else:
                room -= size
        return {name: found[name] for name in names}

    async def _read(self, name: str) -> dict[str, Any]:
        channel = self._channels.get(name)
        if channel is None:
            return row(name, error=f"no such channel; there are: {', '.join(self.names) or 'none'}")
        try:
            with anyio.fail_after(channel.timeout_s):
                data = await read_source(channel.source, self._threads)
            raw = msgspec.json.encode(data)
        except TimeoutError:
            return row(name, error=f"no data within {channel.timeout_s:g} s")
        except ChannelError as error:
            return row(name, error=str(error))
        except Exception as error:
            return row(name, error=f"{type(error).__name__}: {error}")
        if len(raw) > channel.bytes_max:
            text = f"the data have {len(raw)} bytes; at most {channel.bytes_max} are told"
            return row(name, error=text)
        return row(name, data=msgspec.Raw(raw))


async def read_source(source: Source, threads: anyio.CapacityLimiter | None) -> Any:
    """Ask a source; one that blocks has a thread of its own, which is left behind if need be."""
    if inspect.iscoroutinefunction(source):
        return await source()
    result = await anyio.to_thread.run_sync(source, abandon_on_cancel=True, limiter=threads)
    return await result if inspect.isawaitable(result) else result


def row(name: str, **more: Any) -> dict[str, Any]:
    """What is told of a channel."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"channel": name, "timestamp": at, **more}
