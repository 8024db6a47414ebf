"""How many worlds the simulator plays in a minute on one core, beside wsproto in the same run.

``python -m bench.worlds [WORLDS]``. How fast a core runs Python differs by a factor of two and more
between machines and builds. So what a world costs is told in frames that wsproto decodes as well,
and from that, how many it would be on a core that decodes one in ``REFERENCE_US``.
"""

from __future__ import annotations

import gc
import sys
import time

from tests.sim.plan import REQUESTS, draw
from tests.sim.world import World
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

REFERENCE_US = 7.0
"""What wsproto took for a frame where the project's costs were first measured."""

FRAME_CHARS = 200
FRAMES = 1_000


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
    """Play worlds of the same seeds each time; the best time of a frame among them counts."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    world_s, frame_s = 0.0, float("inf")
    World(draw(0, REQUESTS)).run()
    gc.disable()
    for seed in range(worlds):
        frame_s = min(frame_s, decoded_frame_s())
        began = time.process_time()
        violation = World(draw(seed, REQUESTS)).run()
        world_s += time.process_time() - began
        assert violation is None, violation
    here = 60 * worlds / world_s
    print(
        f"simulator: {here:,.0f} worlds of {REQUESTS} requests a minute on this core, which "
        f"decodes a frame by wsproto in {frame_s * 1e6:.1f} us; on one that takes "
        f"{REFERENCE_US:g} us: {here * frame_s * 1e6 / REFERENCE_US:,.0f}"
    )


if __name__ == "__main__":
    main()
