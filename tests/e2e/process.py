"""A gateway as a real process with a real database, for tests that kill and restart it."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import yaml
from tests.held_ports import port_for
from tests.nursery import Born, nursery

AGENT_TOKEN = "agent-token-0123456789abcdef"
OWNER_TOKEN = "owner-token-0123456789abcdef"
SECOND_TOKEN = "second-token-0123456789abcde"
BOUND_S = 20.0

PERMISSIONS = {
    "defaults": [{"pattern": "*", "action": "ask"}],
    "rules": [
        {"pattern": "get_state*", "action": "allow"},
        {"pattern": "slow_read*", "action": "allow"},
        {"pattern": "allowed_write*", "action": "allow"},
        {"pattern": "slow_write*", "action": "allow"},
        {"pattern": "stubborn_write*", "action": "allow"},
        {"pattern": "broken_write*", "action": "allow"},
        {"pattern": "forbidden*", "action": "deny", "description": "never that"},
    ],
}

Value = TypeVar("Value")


def until(probe: Callable[[], Value | None], what: str, bound_s: float = BOUND_S) -> Value:
    """Poll until the probe returns something true; fail after a bound that is never reached."""
    end = time.monotonic() + bound_s
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {bound_s:g} s for {what}")


class GatewayProcess:
    """One gateway over several lives: the port, the database and the journal stay.

    Args:
        folder: an empty folder.
        config: what to change in config.yaml.
        permissions: the policy; None: ``PERMISSIONS``.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any] | None = None,
        permissions: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.journal_path = folder / "journal"
        self.process: Born | None = None
        self.port = port_for(self)
        self.config: dict[str, Any] = {
            "gateway": {"port": 0, "shutdown_s": 2},
            "agent": {"token": AGENT_TOKEN},
            "principals": [
                {"name": "owner", "role": "approver", "token": OWNER_TOKEN},
                {"name": "second", "role": "approver", "token": SECOND_TOKEN},
            ],
            "storage": {"path": "gate.db"},
            "tools": {"python": ["tests.e2e.tools"]},
            "rate_limit": {"max_pending_approvals": 1000, "max_requests_per_minute": 1_000_000},
            **(config or {}),
        }
        (folder / "permissions.yaml").write_text(yaml.safe_dump(permissions or PERMISSIONS))

    def __enter__(self) -> GatewayProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self, step: str = "never", nth: int = 0) -> None:
        """Start a life; with a step, it ends by its own hand there (see ``serve``)."""
        self.config["gateway"]["port"] = self.port
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config))
        self.process = self.spawn(str(self.folder), step, str(nth))
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the gateway did not start: exit code {self.wait()}")
        assert int(line) == self.port

    def spawn(self, *arguments: str) -> Born:
        """Start the process, whose first line is its port."""
        return nursery().bear(
            "tests.e2e.serve",
            *arguments,
            env={**os.environ, "E2E_JOURNAL": str(self.journal_path)},
        )

    def kill(self) -> None:
        """kill -9, now."""
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to shut down; return its exit code."""
        return self.end(signal.SIGTERM)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until the process is over, however it ends."""
        assert self.process is not None
        code = self.process.wait(BOUND_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def restart(self) -> None:
        """kill -9, then a new life on the same database."""
        self.kill()
        self.start()

    def http(self, path: str, body: Any = None, token: str = OWNER_TOKEN) -> tuple[int, Any]:
        """One HTTP request; returns status and decoded body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=BOUND_S) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def approvals(self) -> list[dict[str, Any]]:
        """What waits for a person."""
        found: list[dict[str, Any]] = self.http("/api/approvals")[1]["approvals"]
        return found

    def wait_for_approvals(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait until at least so many approvals wait."""
        return until(
            lambda: found if len(found := self.approvals()) >= count else None,
            f"{count} approvals",
        )

    def decide(
        self, approval_id: str, decision: str, token: str = OWNER_TOKEN, **more: Any
    ) -> tuple[int, Any]:
        """Answer an approval; ``more`` is what else stands in the answer, as an edit."""
        return self.http(f"/api/approvals/{approval_id}", {"decision": decision, **more}, token)

    def starts(self) -> Counter[tuple[str, str]]:
        """How often each tool really began, by name and key."""
        if not self.journal_path.exists():
            return Counter()
        lines = [json.loads(line) for line in self.journal_path.read_text().splitlines()]
        return Counter((a["tool"], next(iter(a["args"].values()))) for a in lines)
