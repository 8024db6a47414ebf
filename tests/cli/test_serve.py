"""``agent-gate serve`` as a process: what it says, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.support import (
    AGENT_GATE,
    AGENT_TOKEN,
    BOUND_S,
    DEAD_LINES,
    DEAD_RULES,
    Served,
    ended,
    environment,
    run,
    started,
    write_files,
)
from tests.nursery import Born

from agentgate_cli.main import run as run_here

SLOW_TOOLS = '''
import time
import anyio
from agentgate_server import tool

@tool
async def slow() -> str:
    """Take a while."""
    print("started", flush=True)
    await anyio.sleep(0.5)
    return "done"

@tool(timeout_s=None)
def stuck() -> None:
    """Never end."""
    print("started", flush=True)
    time.sleep(3600)
'''
ALLOW = {"defaults": [{"pattern": "*", "action": "allow"}]}


def listening(folder: Path, *args: str) -> tuple[Born, str]:
    """Start a gateway; return it and the line that it prints."""
    process = started(*args, cwd=folder)
    assert process.stdout is not None
    return process, process.stdout.readline()


def url_in(line: str) -> str:
    found = re.search(r"ws://[^ ]+", line)
    assert found, line
    return found[0]


@pytest.mark.parametrize("args", [(), ("serve",)])
def test_it_says_in_one_line_that_it_listens_and_with_what(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    write_files(tmp_path)
    process, line = listening(tmp_path, *args, "--port", "0")
    process.send_signal(signal.SIGTERM)
    code, out, err = ended(process)
    assert re.fullmatch(
        r"listening on ws://127\.0\.0\.1:\d+ "
        r"\(5 tools, 3 principals, policy permissions\.yaml: 5 rules\)\n",
        line,
    )
    assert (code, out) == (0, "")
    assert "shutting down" in err


def test_warnings_go_to_standard_error(tmp_path: Path) -> None:
    write_files(tmp_path, {"rules": [{"tool": "set_lihgt", "action": "deny"}]})
    process, line = listening(tmp_path, "serve", "--port", "0", "--log-level", "error")
    process.terminate()
    code, _, err = ended(process)
    assert "1 rule)" in line
    assert code == 0
    assert err == (
        'warning: permissions.yaml:2: "set_lihgt" is about no known tool; did you mean set_light?\n'
    )


def test_what_check_calls_an_error_is_a_warning_at_the_start(tmp_path: Path) -> None:
    write_files(tmp_path, DEAD_RULES)
    process, _ = listening(tmp_path, "serve", "--port", "0", "--log-level", "error")
    process.terminate()
    code, _, err = ended(process)
    assert code == 0
    assert err.splitlines() == [f"warning: {line}" for line in DEAD_LINES]
    checked = run("check", cwd=tmp_path).stdout
    assert [line.replace(": error", "") for line in checked.splitlines() if ": error" in line] == [
        *DEAD_LINES
    ]


def test_a_strict_start_with_a_good_policy_serves(tmp_path: Path) -> None:
    write_files(tmp_path)
    process, line = listening(tmp_path, "serve", "--port", "0", "--strict")
    process.terminate()
    assert ended(process)[0] == 0
    assert line.startswith("listening on ")


def test_with_json_logs_everything_is_json(tmp_path: Path) -> None:
    write_files(tmp_path, {"rules": [{"tool": "set_lihgt", "action": "deny"}]})
    process, line = listening(tmp_path, "serve", "--port", "0", "--log-format", "json")
    said = json.loads(line)
    denied = run("tools", AGENT_GATE_URL=said["url"], AGENT_GATE_TOKEN="wrong\n\x1b[2J")
    assert denied.returncode == 3
    process.terminate()
    _, _, err = ended(process)
    assert said["event"] == "listening"
    assert said["pid"] == process.pid
    assert (said["tools"], said["principals"], said["rules"]) == (5, 3, 1)
    records = [json.loads(row) for row in err.splitlines()]
    assert "set_lihgt" in records[0]["message"]
    assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)


def test_a_wrong_token_is_logged_without_the_token(mortal: Served) -> None:
    done = run("tools", AGENT_GATE_URL=mortal.url, AGENT_GATE_TOKEN="guess-0123456789")
    assert done.returncode == 3
    assert mortal.process is not None
    mortal.process.terminate()
    _, _, err = ended(mortal.process)
    assert "wrong token from 127.0.0.1" in err
    assert "guess" not in err


def test_a_signal_lets_running_tools_finish_and_their_callers_hear_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SLOW_TOOLS)
    write_files(tmp_path, ALLOW, tools={"python": ["mine.py"]})
    process, line = listening(tmp_path, "serve", "--port", "0")
    url = url_in(line)
    call = started("call", "slow", AGENT_GATE_URL=url, AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 0
    assert "Traceback" not in err
    restarted, _ = listening(tmp_path, "serve", "--port", url.rpartition(":")[2])
    assert ended(call)[:2] == (0, '"done"\n')
    restarted.terminate()
    ended(restarted)


def test_a_tool_that_never_ends_does_not_keep_the_process(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SLOW_TOOLS)
    gateway = {"port": 0, "shutdown_s": 0.1}
    write_files(tmp_path, ALLOW, tools={"python": ["mine.py"]}, gateway=gateway)
    process, line = listening(tmp_path, "serve")
    call = started("call", "stuck", AGENT_GATE_URL=url_in(line), AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.terminate()
    assert ended(process)[0] == 0
    call.kill()


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SLOW_TOOLS)
    gateway = {"port": 0, "shutdown_s": 600}
    write_files(tmp_path, ALLOW, tools={"python": ["mine.py"]}, gateway=gateway)
    process, line = listening(tmp_path, "serve")
    call = started("call", "stuck", AGENT_GATE_URL=url_in(line), AGENT_GATE_TOKEN=AGENT_TOKEN)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "started\n"
    process.terminate()
    while "shutting down" not in (line := process.stderr.readline()):
        assert "connected from" in line
    process.terminate()
    assert process.wait(BOUND_S) == 128 + signal.SIGTERM
    process.stdout.close()
    process.stderr.close()
    call.kill()


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    write_files(tmp_path, gateway={"port": 1, "host": "0.0.0.0"})
    (tmp_path / "strict.yaml").write_text("rules: [{tool: set_light, action: deny}]\n")
    process, line = listening(
        tmp_path,
        *("serve", "--port", "0", "--host", "127.0.0.1", "--permissions", "strict.yaml"),
    )
    process.terminate()
    assert ended(process)[0] == 0
    assert "ws://127.0.0.1:" in line
    assert "policy strict.yaml: 1 rule" in line


def test_insecure_listens_everywhere_and_warns(tmp_path: Path) -> None:
    write_files(tmp_path)
    process, line = listening(tmp_path, "serve", "--port", "0", "--host", "0.0.0.0", "--insecure")
    process.terminate()
    _, _, err = ended(process)
    assert "ws://0.0.0.0:" in line
    assert "tokens travel in clear text" in err


def test_it_is_a_module_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agentgate_cli", "--version"],
        check=False,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )
    assert done.returncode == 0
    assert re.fullmatch(r"agent-gate \d+\.\d+\.\d+.*\n", done.stdout)


def test_help_names_every_command_without_loading_them() -> None:
    script = (
        "import sys\nfrom agentgate_cli.main import run\ncode = run(['--help'])\n"
        "assert 'agentgate_server' not in sys.modules\n"
        "assert 'agentgate_client' not in sys.modules\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=BOUND_S
    )
    assert done.returncode == 0, done.stderr
    for name in ("serve", "init", "demo", "token", "approvals", "call", "tools", "pending"):
        assert f"\n  {name}" in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        *(
            [name]
            for name in ("serve", "health", "init", "demo", "token", "call", "tools", "pending")
        ),
        *(["approvals", name] for name in ("list", "watch", "approve", "deny")),
    ],
)
def test_every_command_explains_itself(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here([*args, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: agent-gate {' '.join(args)}")
    assert max(map(len, shown.splitlines())) <= 100


def test_serving_loads_neither_rich_nor_the_client(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "probe.py").write_text(
        "import sys\nfrom agentgate_server import tool\n\n"
        "@tool(effects='read')\n"
        "def loaded() -> list[str]:\n"
        '    """Name what is loaded."""\n'
        "    return [n for n in ('rich', 'agentgate_client', 'trio') if n in sys.modules]\n"
    )
    write_files(tmp_path, ALLOW, tools={"python": ["probe.py"]})
    command = [AGENT_GATE, "serve"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:  # not one that was born with what it imports
        assert process.stdout is not None
        url = url_in(process.stdout.readline())
        done = run("call", "loaded", AGENT_GATE_URL=url, AGENT_GATE_TOKEN=AGENT_TOKEN)
        process.terminate()
    assert done.stdout == "[]\n"


def test_what_a_start_makes_is_not_looked_through_again_while_it_serves(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text(
        "import gc\nfrom agentgate_server import tool\n\n"
        "@tool(effects='read')\n"
        "def is_small() -> bool:\n"
        '    """Whether a full collection has less to look at than what the start has made."""\n'
        "    return len(gc.get_objects()) < gc.get_freeze_count()\n"
    )
    write_files(tmp_path, ALLOW, tools={"python": ["probe.py"]})
    process, line = listening(tmp_path, "serve")
    done = run("call", "is_small", AGENT_GATE_URL=url_in(line), AGENT_GATE_TOKEN=AGENT_TOKEN)
    process.terminate()
    ended(process)
    assert done.stdout == "true\n"


def test_no_thread_keeps_the_others_waiting_for_long(tmp_path: Path) -> None:
    """A commit takes turns with the event loop some twenty times; so turns must be short."""
    (tmp_path / "probe.py").write_text(
        "import sys\nfrom agentgate_server import tool\n\n"
        "@tool(effects='read')\n"
        "def turn_s() -> float:\n"
        '    """How long one thread may keep another from running."""\n'
        "    return sys.getswitchinterval()\n"
    )
    write_files(tmp_path, ALLOW, tools={"python": ["probe.py"]})
    process, line = listening(tmp_path, "serve")
    done = run("call", "turn_s", AGENT_GATE_URL=url_in(line), AGENT_GATE_TOKEN=AGENT_TOKEN)
    process.terminate()
    ended(process)
    assert 0.0 < float(done.stdout) <= 0.000_2
