"""``agent-gate console``: a link that logs in once; who is logged in, and how that ends."""

from __future__ import annotations

import json
import urllib.request
from urllib.error import HTTPError

import pytest
from tests.cli.support import Served

from agentgate_cli import console


def log_in(url: str) -> tuple[int, str]:
    """Do what the page does with its link."""
    page, _, secret = url.partition("#link=")
    origin = page.removesuffix("/console/")
    request = urllib.request.Request(
        f"{page}api/login",
        json.dumps({"link": secret}).encode(),
        {"Origin": origin, "Content-Type": "application/json", "User-Agent": "test"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())["who"]["name"]
    except HTTPError as error:
        return error.code, json.loads(error.read())["error"]["message"]


def test_a_link_logs_in_and_the_login_is_listed_and_ended(gateway: Served) -> None:
    nobody = gateway.as_owner("console", "sessions")
    assert (nobody.returncode, nobody.stdout) == (0, "")
    shown = gateway.as_owner("console", "--no-open")
    assert shown.returncode == 0, shown.stderr
    assert "good for one login, for 5 min" in shown.stderr
    url = shown.stdout.strip()
    assert log_in(url) == (200, "owner")
    status, why = log_in(url)
    assert (status, "used, too old, or none" in why) == (401, True)

    (row,) = json.loads(gateway.as_owner("console", "sessions", "--json").stdout)["sessions"]
    assert (row["principal"], row["by"], row["browser"]) == ("owner", "link", "test")
    table = gateway.as_owner("console", "sessions").stdout
    assert "owner (approver)" in table
    ended = gateway.as_owner("console", "revoke", row["id"])
    assert ended.stdout.startswith("owner is logged out")
    again = gateway.as_owner("console", "revoke", row["id"])
    assert (again.returncode, "nobody is logged in" in again.stderr) == (4, True)
    made = gateway.as_owner("console", "--json")
    assert json.loads(made.stdout)["expires_in_s"] == 300.0


def test_who_may_not_is_told_so(gateway: Served) -> None:
    agent = gateway.as_agent("console", "--no-open")
    assert (agent.returncode, agent.stdout) == (3, "")
    assert "the console is for people" in agent.stderr
    early = gateway.as_owner("console", "--json", "sessions")
    assert (early.returncode, "write the options after" in early.stderr) == (4, True)


def test_a_browser_is_opened_only_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not console.has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert console.has_screen()
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.7 1 10.0.0.8 22")
    assert not console.has_screen()
