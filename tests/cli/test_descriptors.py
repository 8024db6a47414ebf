"""Standard input, output and error that were closed before the command began."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.support import AGENT_GATE, AGENT_TOKEN, BOUND_S, environment, write_files


def run(command: str, closed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {command} {closed}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_goes_well_without_them(closed: str) -> None:
    done = run(f"{AGENT_GATE} --version", closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) is (">&-" not in closed.replace("2>&-", ""))


def test_a_failure_keeps_its_exit_code_without_them() -> None:
    done = run(f"{AGENT_GATE} call x --url ws://127.0.0.1:9 --token t", ">&- 2>&-")
    assert done.returncode == 3


def test_a_gateway_and_a_call_that_lack_them_end_well(tmp_path: Path) -> None:
    """With uvloop, where it is installed, the gateway was ended by an assertion of that."""
    write_files(tmp_path)
    command = f"exec {AGENT_GATE} serve --port 0 <&- 2>&-"
    gateway = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert gateway.stdout is not None
        url = re.search(r"ws://\S+", gateway.stdout.readline())
        assert url is not None
        call = (
            f"{AGENT_GATE} call get_temperature room=kitchen --url {url[0]} --token {AGENT_TOKEN}"
        )
        called = run(call, ">&-")
        assert (called.returncode, called.stderr) == (0, "")
        gateway.terminate()
        assert gateway.wait(BOUND_S) == 0
    finally:
        gateway.kill()
        gateway.communicate()


def test_what_is_opened_next_does_not_take_their_place(tmp_path: Path) -> None:
    file = tmp_path / "file"
    program = (
        "import os, sys\n"
        "from agentgate_cli.main import fill_standard_descriptors\n"
        "fill_standard_descriptors()\n"
        "fill_standard_descriptors()\n"
        f"file = os.open({str(file)!r}, os.O_WRONLY | os.O_CREAT)\n"
        "assert file > 2, file\n"
        "assert sys.stdin.read() == ''\n"
        "print('said')\n"
        "print('said', file=sys.stderr, flush=True)\n"
        f"os._exit(7 if os.path.samefile('/dev/fd/1', {os.devnull!r}) else 8)\n"
    )
    done = run(f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}", "<&- >&- 2>&-")
    assert done.returncode == 7
    assert file.read_bytes() == b""
