"""A gateway under pressure: ``agent-gate serve`` in a folder, a process of its own, real SQLite."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.held_ports import port_for
from tests.pressure.wire import Target
from tests.server.certificates import make

HOME, EVIL, OWNER, OPER = (
    f"{name}-token-0123456789abcdef" for name in ("home", "evil", "owner", "oper")
)
GUESTS = tuple(f"guest{n}-token-0123456789abcdef" for n in range(3))
"""Agents who attack, too: a limit of one is no limit of four."""

TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PIN = "4711"
ALARM = """
backends: {alarm: {url: "https://alarm.example", headers: {X-Pin: "${ALARM_PIN}"}}}
tools: {disarm: {description: x, backend: alarm, request: {method: POST, path: /x}}}
"""
POLICY = """
rules:
  - {pattern: denied, action: deny}
  - {tool: deploy, args: {opts.where: prod}, action: deny}
  - {tool: roll, args: {steps.where: prod}, action: deny}
  - {tool: roll, args: {spare.where: prod}, action: deny}
  - {tool: plan, args: {at: "2026-12-24*"}, action: deny}
  - {tool: plan, args: {stage: prod}, action: deny}
  - {tool: plan, args: {script: "*rm -rf*"}, action: deny}
  - {tool: plan, args: {row.where: prod}, action: deny}
  - {tool: fetch, args: {place: kube-system}, action: deny}
  - {tool: fetch, args: {place: "/etc/*"}, action: deny}
  - {tool: fetch, args: {place: "*169.254.169.254*"}, action: deny}
  - {agents: guest0, pattern: "ha_call_service(lock.*)", action: deny}
  - {agents: guest0, tool: ha_call_service, action: allow}
  - {tool: byid, args: {thing: "12345678-1234-1234-1234-1234567890ab"}, action: deny}
  - {tool: coded, action: ask, approval: {code: true}}
  - {tool: pay, args: {amount: {min: 500}}, action: ask, approval: {code: true}}
  - {tool: pay, args: {to: {not_in: [grocer]}}, action: ask, approval: {approvers: 2}}
  - {tool: [look, echo, note, large, wait, hold, deploy, byid, boom], action: allow}
  - {tool: [roll, plan, fetch, slip], action: allow}
  - {tool: ["hang*", "evil.*"], action: allow}
defaults:
  - {pattern: "*", action: ask}
"""
HOUSE = {"url": "http://127.0.0.1:1", "token": "abcdefghijklmnop"}
"""Nobody is there."""

STOP_S = 30.0


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """One document laid over another, key by key."""
    found = dict(under)
    for key, value in over.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(old, dict) else value
    return found


class PressedGateway:
    """One gateway over several lives.

    Args:
        folder: an empty one.
        config: what is laid over its configuration.
        tls: serve with a certificate.
        cores: on which it runs.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any] | None = None,
        *,
        tls: bool = False,
        cores: set[int] | None = None,
    ) -> None:
        self.folder = folder
        self.cores = cores
        self.process: subprocess.Popen[str] | None = None
        cert = make(folder, "site") if tls else None
        self.target = Target(port_for(self), str(cert or ""))
        gateway: dict[str, Any] = {"port": self.target.port, "shutdown_s": 1}
        if cert is not None:
            gateway["tls"] = {"cert": str(cert), "key": str(cert.with_suffix(".key"))}
        guests = [
            {"name": f"guest{n}", "role": "agent", "token": token} for n, token in enumerate(GUESTS)
        ]
        document = {
            "gateway": gateway,
            "agent": {"token": HOME},
            "principals": [
                {"name": "evil", "role": "agent", "token": EVIL},
                *guests,
                {"name": "owner", "role": "approver", "token": OWNER, "totp": TOTP},
                {"name": "oper", "role": "operator", "token": OPER},
            ],
            "services": {
                "homeassistant": {"url": "http://127.0.0.1:1", "token": "abcdefghijklmnop"}
            },
            "tools": {"python": ["tools.py"], "http": ["alarm.yaml"], "timeout_s": 1},
            "faces": {"mcp": {}},
        }
        shutil.copy(Path(__file__).with_name("house.py"), folder / "tools.py")
        (folder / "alarm.yaml").write_text(ALARM)
        (folder / "permissions.yaml").write_text(POLICY)
        file = folder / "config.yaml"
        file.touch(0o600)
        file.write_text(json.dumps(merged(document, config or {})))  # JSON is YAML

    def __enter__(self) -> PressedGateway:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(signal.SIGKILL)

    def start(self) -> None:
        """Begin a life; return when it listens.

        Raises:
            AssertionError: it does not; the text has what it says.
        """
        with (self.folder / "log").open("a") as log:
            self.process = self.run(["serve"], stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("listening"):
            raise AssertionError(f"it does not start: {(self.folder / 'log').read_text()[-2_000:]}")
        if self.cores:
            os.sched_setaffinity(self.process.pid, self.cores)

    def run(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        """Run a command of ours in the folder."""
        return subprocess.Popen(
            [sys.executable, "-m", "agentgate_cli", *command],
            cwd=self.folder,
            text=True,
            env={**os.environ, "ALARM_PIN": PIN},
            **options,
        )

    def said(self, *command: str) -> tuple[int, str]:
        """Run a command of ours to its end; return its exit code and what it printed."""
        process = self.run(list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def end(self, number: signal.Signals) -> int:
        """Send a signal, and wait until the process is over; return its exit code."""
        process = self.process
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return -1
        finally:
            assert process.stdout is not None
            process.stdout.close()
            self.process = None

    def restart(self) -> None:
        """Shut down in order, as an operator does, and live again."""
        self.end(signal.SIGTERM)
        self.start()

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self.process is not None
        return self.process.pid

    def policy(self, text: str) -> None:
        """Put another policy in force."""
        (self.folder / "permissions.yaml").write_text(text)
        os.kill(self.pid, signal.SIGHUP)

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def journal(self) -> Counter[str]:
        """How often each write really began, by its key."""
        path = self.folder / "journal"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def files_bytes(self) -> int:
        """What it keeps on disk."""
        return sum(file.stat().st_size for file in (self.folder / "data").iterdir())

    def peak_bytes(self) -> int:
        """The most memory that the process ever had."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1_024
        raise AssertionError("the system does not say it")
