"""What a person sees of a session's log: the console's own module, run by Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.ports.node import node

SCRIPT = Path(__file__).parent / "scripts" / "transcript.js"


def test_a_transcript_says_what_the_log_says() -> None:
    command = [node(), "--experimental-detect-module", "--no-warnings", str(SCRIPT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
