"""Target: a file of HTTP tools."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.fuzz.targets.errors import check_error

from agentgate_server.documents import DocumentError
from agentgate_server.tools.http.files import read_http_files

VARIABLES = {"KEY": "a-long-key-of-the-weather"}
FILE = Path(tempfile.gettempdir()) / "agentgate-fuzz-http-tools.yaml"


def run(data: bytes) -> None:
    """Read it; it declares tools, or it is an error of one line that quotes no variable."""
    FILE.write_bytes(data)
    try:
        declared = read_http_files([FILE], VARIABLES)
    except DocumentError as error:
        check_error(error, VARIABLES["KEY"])
        return
    assert VARIABLES["KEY"] not in repr(declared)
