"""Target: what a client may send to a gateway: HTTP, the upgrade, frames, messages.

The first byte says how far the connection has come and how the rest is cut into pieces.
"""

from __future__ import annotations

from tests.fuzz.targets.pieces import cut_and_whole
from tests.proto.byhand import Visitor
from tests.proto.connection.test_base_fuzz import LIMITS, adapt, check

STAGES = {
    0: lambda: adapt(Visitor(LIMITS)),
    1: lambda: adapt(Visitor(LIMITS)).upgrade(),
    2: lambda: adapt(Visitor(LIMITS).enter()),
    3: lambda: adapt(Visitor(LIMITS).enter(client_id="")),
}


def run(data: bytes) -> None:
    """Send it; the connection waits with a deadline, or it is over, once."""
    cut_and_whole(data, STAGES, check)
