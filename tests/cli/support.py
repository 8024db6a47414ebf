"""The real command, as processes: with pipes, or at a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from tests.held_ports import port_for
from tests.nursery import Born, nursery, same_at_birth

AGENT_GATE = str(Path(sys.executable).with_name("agent-gate"))
AGENT_TOKEN = "agent-token-0123456789abcdef"
OWNER_TOKEN = "owner-token-0123456789abcdef"
OPERATOR_TOKEN = "operator-token-0123456789abcd"
BOUND_S = 60.0
LEFT: list[Born] = []

PERMISSIONS = {
    "rules": [
        {"tool": ["get_temperature", "list_lights"], "action": "allow"},
        {
            "tool": "unlock_door",
            "args": {"door": "back"},
            "action": "deny",
            "description": "The back door stays shut",
        },
        {
            "tool": "unlock_door",
            "args": {"door": "garage"},
            "action": "allow",
            "description": "A lock with an empty battery",
        },
        {"tool": "set_light", "action": "ask", "description": "Lights are asked about"},
    ],
    "defaults": [{"pattern": "*", "action": "ask"}],
}

CONFIG: dict[str, Any] = {
    "gateway": {"port": 0, "shutdown_s": 2},
    "agent": {"token": AGENT_TOKEN},
    "principals": [
        {"name": "owner", "role": "approver", "token": OWNER_TOKEN},
        {"name": "watcher", "role": "operator", "token": OPERATOR_TOKEN},
    ],
    "storage": {"path": "gate.db"},
    "tools": {"python": [str(Path(__file__).parent / "house.py")]},
    "rate_limit": {"max_pending_approvals": 100, "max_requests_per_minute": 100_000},
}


DEAD_RULES = {
    "rules": [
        {"tool": "set_lihgt", "action": "deny"},
        {"tool": "set_light", "action": "ask", "approval": {"approvers": 3}},
        {"tool": "unlock_door", "action": "ask", "approval": {"code": True}},
        {"pattern": "list_lights(now)", "action": "deny"},
    ]
}
"""Rules that load and can't be meant so, each in its own way."""

DEAD_LINES = (
    'permissions.yaml:2: "set_lihgt" is about no known tool; did you mean set_light?',
    "permissions.yaml:4: needs 3 people to say yes and has 2: add principals with role approver",
    (
        "permissions.yaml:8: needs 1 with one-time codes and has 0: set totp of principals, see "
        "'agent-gate token totp'"
    ),
    (
        'permissions.yaml:12: no request of list_lights can match "list_lights(now)": it takes no '
        "arguments: write list_lights"
    ),
)
"""What is said of them."""


def write_files(folder: Path, permissions: Any = PERMISSIONS, **changes: Any) -> None:
    """Write what ``agent-gate serve`` reads."""
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({**CONFIG, **changes}))
    config.chmod(0o600)
    (folder / "permissions.yaml").write_text(yaml.safe_dump(permissions))


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without what would steer the command from outside."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("AGENT_", "HOUSE_"))}
    return {**ours, "COLUMNS": "100", "TERM": "xterm", **(extra or {})}


def run(
    *args: str,
    cwd: Path | None = None,
    stdin: str = "",
    bound_s: float = BOUND_S,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, which must come."""
    env = environment(variables)
    if same_at_birth(env):
        return nursery().run(AGENT_GATE, *args, env=env, cwd=cwd, stdin=stdin, bound_s=bound_s)
    return subprocess.run(
        [AGENT_GATE, *args],
        check=False,
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=bound_s,
    )


def started(*args: str, cwd: Path | None = None, **variables: str) -> Born:
    """Start the command and leave it running; what a test leaves behind is ended after it."""
    env = environment(variables)
    process = nursery().bear(AGENT_GATE, *args, env=env, cwd=cwd, stderr=subprocess.PIPE)
    LEFT.append(process)
    return process


def end_left(keep: Sequence[Born | None]) -> None:
    """End every process that was started, except those that other tests need."""
    for process in LEFT:
        if process not in keep:
            process.kill()
            process.wait(BOUND_S)
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                stream.close()
    LEFT[:] = [process for process in LEFT if process in keep]


def ended(process: Born) -> tuple[int, str, str]:
    """Wait for the end; return the exit code and what was printed."""
    out, err = process.communicate(timeout=BOUND_S)
    return process.returncode, out, err


class Served:
    """``agent-gate serve`` as a process, over several lives.

    Args:
        folder: with the files of ``write_files``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = port_for(self)
        self.process: Born | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def start(self, *args: str, **variables: str) -> dict[str, Any]:
        """Start it on the same port as before; return what it says when it listens."""
        self.process = started(
            "serve",
            *("--port", str(self.port)),
            *("--log-format", "json"),
            *args,
            cwd=self.folder,
            HOUSE_JOURNAL=str(self.journal),
            **variables,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the gateway did not start: {ended(self.process)}")
        said: dict[str, Any] = json.loads(line)
        self.port = int(said["url"].rpartition(":")[2])
        return said

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        ended(self.process)

    def stop(self) -> None:
        """Shut it down in order."""
        assert self.process is not None
        self.process.terminate()
        assert ended(self.process)[0] == 0

    def as_agent(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command with the agent's token."""
        return run(*args, stdin=stdin, AGENT_GATE_URL=self.url, AGENT_GATE_TOKEN=AGENT_TOKEN)

    def as_owner(self, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the approver's token."""
        variables = {"AGENT_GATE_URL": self.url, "AGENT_GATE_TOKEN": OWNER_TOKEN, **variables}
        return run(*args, **variables)

    def calling(self, *args: str) -> Born:
        """Start a call that a person is asked about; return when they are."""
        process = started("call", *args, AGENT_GATE_URL=self.url, AGENT_GATE_TOKEN=AGENT_TOKEN)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("waiting for a person"), line + process.stderr.read()
        return process

    def waiting(self) -> list[dict[str, Any]]:
        """What waits for a person."""
        done = self.as_owner("approvals", "list", "--json")
        assert done.returncode == 0, done.stderr
        approvals: list[dict[str, Any]] = json.loads(done.stdout)["approvals"]
        return approvals

    def waiting_ids(self) -> list[str]:
        """What waits, asked over HTTP: faster than by a process."""
        return [row["id"] for row in self._http("/api/approvals")["approvals"]]

    def decide(self, rid: str, decision: str, **more: str) -> None:
        """Answer as another person would, from a browser."""
        self._http(f"/api/approvals/{rid}", {"decision": decision, **more})

    def _http(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=BOUND_S) as response:
            return json.load(response)

    def starts(self, tool: str) -> int:
        """How often a tool of the house was started."""
        if not self.journal.exists():
            return 0
        lines = map(json.loads, self.journal.read_text().splitlines())
        return sum(line["tool"] == tool for line in lines)


class AtTerminal:
    """The command at a terminal of its own.

    Attributes:
        shown: everything that it has printed so far.
    """

    def __init__(self, *args: str, cwd: Path | None = None, **variables: str) -> None:
        self.master, slave = pty.openpty()
        self.shown = ""
        self._read_to = 0
        ends = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = nursery().bear(
            AGENT_GATE, *args, env=environment(variables), cwd=cwd, new_session=True, **ends
        )
        os.close(slave)

    def see(self, text: str) -> None:
        """Wait until a text appears after what was seen before."""
        end = time.monotonic() + BOUND_S
        while (found := self.shown.find(text, self._read_to)) < 0:
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                unseen = self.shown[self._read_to :]
                raise AssertionError(f"{text!r} did not appear, but {unseen!r}")
        self._read_to = found + len(text)

    def sees(self, text: str, within_s: float) -> bool:
        """Whether a text appears after what was seen before, and so soon."""
        end = time.monotonic() + within_s
        while text not in self.shown[self._read_to :]:
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                return False
        return True

    def type(self, text: str) -> None:
        """Type."""
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, as the process gets it."""
        self.process.send_signal(signal.SIGINT)

    def hang_up(self) -> None:
        """Take the terminal away."""
        os.close(self.master)
        self.master = -1

    def end(self) -> int:
        """Read what is left, and return the exit code."""
        while self._read(BOUND_S):
            pass
        return self.process.wait(BOUND_S)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(BOUND_S)
        if self.master >= 0:
            os.close(self.master)

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self.master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self.master, 65_536)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        self.shown += data.decode()
        return bool(data)


@contextmanager
def at_terminal(*args: str, cwd: Path | None = None, **variables: str) -> Iterator[AtTerminal]:
    """Have the command at a terminal; it is ended with the block."""
    terminal = AtTerminal(*args, cwd=cwd, **variables)
    try:
        yield terminal
    finally:
        terminal.close()
