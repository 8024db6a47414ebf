"""``python -m tests.conformance.wrong.client NAME URL``: our own client, with that mistake in it.

It does what ``agent-gate conformance --listen`` wants of a client under test.
"""

from __future__ import annotations

import sys

from tests.change import SRC
from tests.conformance.wrong.clients import WRONG_CLIENTS
from tests.conformance.wrong.mutation import named, run_script

DRIVER = SRC.parent / "tests/cli/conformance/driver.py"

if __name__ == "__main__":
    run_script(DRIVER, sys.argv[2:], named(WRONG_CLIENTS, sys.argv[1]))
