"""The time of a real world: that of the event loop, in the seconds of the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.e2e.worlds.fit import PACE
from tests.sim.faults import Violation
from tests.sim.world import where

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld


class Realtime:
    """What the simulator's timeline is to its clients, on an event loop."""

    def __init__(self, world: RealWorld) -> None:
        self.world = world
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.over = False
        self._handles: set[asyncio.TimerHandle] = set()

    @property
    def now(self) -> float:
        """Seconds of the plan since the world began."""
        return (self.loop.time() - self.began) * PACE

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        """Let something happen in so many seconds of the plan, unless the world is over then."""
        if self.over:
            return

        def due() -> None:
            self._handles.discard(handle)
            self.world.guard(act, *args)

        handle = self.loop.call_later(seconds / PACE, due)
        self._handles.add(handle)

    def at(self, moment: float, act: Callable[..., None], *args: Any) -> None:
        """Let something happen at a moment, or at once if that has passed."""
        self.after(max(moment - self.now, 0.0), act, *args)

    def end(self) -> None:
        """Nothing happens any more."""
        self.over = True
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()


def guarded(note: Callable[[str], None], act: Callable[..., None], *args: Any) -> None:
    """Call what must not raise into an event loop: a bug is a violation too."""
    try:
        act(*args)
    except Violation:
        pass  # it has been noted
    except Exception as error:
        note(f"bug: {type(error).__name__}: {error} ({where(error)})")
