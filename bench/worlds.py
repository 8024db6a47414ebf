"""How many worlds the simulator plays in a minute on one core, and what that is in decoded frames.

``python -m bench.worlds [WORLDS]``. How fast a core runs Python differs by a factor of two and more
between machines and builds; what a world costs in frames that wsproto decodes in the same run does
not. So the second figure is the one to compare.
"""

from __future__ import annotations

import gc
import sys
import time

from tests.sim.plan import REQUESTS, draw
from tests.sim.world import World
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

FRAME_CHARS = 200
FRAMES = 2_000


def decoded_frame_s() -> float:
    """Seconds in which wsproto decodes a masked text frame of 200 characters."""
    data = Connection(ConnectionType.CLIENT).send(TextMessage(data="x" * FRAME_CHARS))
    server = Connection(ConnectionType.SERVER)
    began = time.process_time()
    for _ in range(FRAMES):
        server.receive_data(data)
        list(server.events())
    return (time.process_time() - began) / FRAMES


def main() -> None:
    """Play worlds of the same seeds each time, with the frames among them."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    frame_s = world_s = 0.0
    World(draw(0, REQUESTS)).run()
    gc.disable()
    for seed in range(worlds):
        frame_s += decoded_frame_s()
        began = time.process_time()
        violation = World(draw(seed, REQUESTS)).run()
        world_s += time.process_time() - began
        assert violation is None, violation
    frame_s, world_s = frame_s / worlds, world_s / worlds
    print(
        f"simulator: {60 / world_s:,.0f} worlds of {REQUESTS} requests a minute on one core; a "
        f"world is {world_s / frame_s:,.0f} frames decoded by wsproto, at {frame_s * 1e6:.1f} us"
    )


if __name__ == "__main__":
    main()
