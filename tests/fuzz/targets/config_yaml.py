"""Target: ``config.yaml``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fuzz.targets.errors import check_error

from agentgate_server.config.load import config_of
from agentgate_server.documents import DocumentError, parse_document

NOWHERE = Path("/nowhere")
IN_THE_OPEN = re.compile(r"(?<!token: )\$\{TOKEN\b|\$\{TOKEN\}?[^}\n]")
"""A variable where no secret is expected, as in a file name: what stands there is shown."""
VARIABLES = {"TOKEN": "a-long-token-of-the-hub", "EMPTY": ""}


def run(data: bytes) -> None:
    """Load it; it is a configuration, or an error of one line that quotes no variable."""
    text = data.decode("utf-8", "replace")
    try:
        config = config_of(
            parse_document(text, name="config.yaml", environment=VARIABLES), NOWHERE, VARIABLES
        )
    except DocumentError as error:
        check_error(error, VARIABLES["TOKEN"])
        return
    assert VARIABLES["TOKEN"] not in repr(config) or IN_THE_OPEN.search(text)
    config.ledger_limits()
