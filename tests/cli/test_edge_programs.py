"""A device's programs: clean, capped, and ended with all that they have started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
import pytest
from tests.server.embedded import until

from agentgate_cli.edge.programs import ERROR_BYTES_MAX, run_program
from agentgate_client.edge import ChannelError

pytestmark = pytest.mark.anyio


async def run(code: str, given: bytes = b"", bytes_max: int = 1_000, **env: str) -> bytes:
    command = [sys.executable, "-c", code]
    with anyio.fail_after(20):
        return await run_program(
            command, given, folder=Path(__file__).parent, environment=env, bytes_max=bytes_max
        )


async def test_a_program_gets_its_input_and_a_clean_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGE_TOKEN", "secret")
    code = "import os, sys; print(sys.stdin.read(), sorted(os.environ), os.getcwd())"
    output = (await run(code, b"given", PIN="4")).decode()
    assert output.startswith("given ")
    assert "'PIN'" in output
    assert "'PATH'" in output
    assert "TOKEN" not in output
    assert output.strip().endswith(str(Path(__file__).parent))


async def test_one_that_reads_nothing_is_no_failure() -> None:
    assert await run("print(1)", b"x" * 1_000_000) == b"1\n"


async def test_what_goes_wrong_is_said() -> None:
    with pytest.raises(ChannelError, match=r"ended with 3: no sensor$"):
        await run("import sys; print('no sensor', file=sys.stderr); sys.exit(3)")
    with pytest.raises(ChannelError, match=r"ended with 1$"):
        await run("import sys; sys.exit(1)")
    with pytest.raises(ChannelError, match="printed more than 1000 bytes"):
        await run("print('x' * 1001)")
    with pytest.raises(ChannelError) as long:
        await run("import sys; sys.exit('y' * 100_000 + 'the end')")
    assert str(long.value).endswith("the end")
    assert len(str(long.value)) < ERROR_BYTES_MAX + 500
    with pytest.raises(ChannelError, match="nothing-here can't be started: No such file"):
        await run_program(["nothing-here"], b"", folder=Path("/"), environment={}, bytes_max=10)


async def test_one_that_is_cancelled_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\n"
        "time.sleep(600)"
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, code)
        await until(lambda: pids.exists() and pids.read_text().endswith(" "), "the start")
        tasks.cancel_scope.cancel()
    for pid in pids.read_text().split():
        await until(lambda pid=pid: is_gone(int(pid)), "the end of the program")  # type: ignore[misc]


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for has ended too."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"
