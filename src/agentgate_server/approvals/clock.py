"""The clock that channels wait on, so that a test can let ten minutes pass in no time."""

from __future__ import annotations

import anyio


class Clock:
    """Real time, in monotonic seconds."""

    def now(self) -> float:
        """The seconds since some moment."""
        return anyio.current_time()

    async def wait(self, event: anyio.Event, seconds: float) -> None:
        """Wait until the event is set, or for so long."""
        with anyio.move_on_after(seconds):
            await event.wait()

    async def sleep(self, seconds: float) -> None:
        """Wait for so long."""
        await self.wait(anyio.Event(), seconds)
