"""``python -m tests.conformance.wrong.gateway NAME …``: our ``agent-gate …``, with a mistake."""

from __future__ import annotations

import sys

from tests.change import SRC
from tests.conformance.wrong.gateways import WRONG_GATEWAYS
from tests.conformance.wrong.mutation import named, run_script

AGENT_GATE = SRC / "agentgate_cli/__main__.py"

if __name__ == "__main__":
    run_script(AGENT_GATE, sys.argv[2:], named(WRONG_GATEWAYS, sys.argv[1]))
