"""Target: what a gateway may send to a client: the answer to the upgrade, frames, messages.

The first byte says how far the connection has come and how the rest is cut into pieces.
"""

from __future__ import annotations

from tests.fuzz.targets.pieces import cut_and_whole
from tests.proto.byhand import Doorman
from tests.proto.connection.test_base_fuzz import LIMITS, check

STAGES = {
    0: lambda: Doorman(LIMITS),
    1: lambda: Doorman(LIMITS).upgrade(),
    2: lambda: Doorman(LIMITS).let_in(),
    3: lambda: Doorman(LIMITS).let_in(),
}


def run(data: bytes) -> None:
    """Send it; the connection waits with a deadline, or it is over, once."""
    cut_and_whole(data, STAGES, check)
