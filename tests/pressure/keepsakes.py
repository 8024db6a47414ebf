"""What the honest have at a gateway before an attack, and must find after it and a restart."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

from tests.pressure.gateway import HOME, OWNER, PressedGateway
from tests.pressure.honest import AGENT, PATIENCE_S, Book
from tests.pressure.wire import Wire

BILL = {"tool": "note", "args": {"key": "bill-7"}, "idempotency_key": "bill-7"}
BILLS, AWAY, LATE = "home-bills", "home-away", "home-late"
"""Client ids of three programs of the agent."""


class Keepsakes:
    """A paid bill with a key, an outcome that nobody has fetched, and an ask that waits.

    Args:
        gate: a gateway that nobody attacks yet.
    """

    def __init__(self, gate: PressedGateway) -> None:
        self.gate = gate
        self.asked = 0
        wire = self.wire(BILLS)
        answer = wire.ask("tool_request", **BILL)
        self.paid = answer["result"]["data"]
        wire.ack(answer["result"]["seq"])
        wire.ask("list_tools")  # the acknowledgement has come before its answer does
        wire.close()
        wire = self.wire(AWAY)
        wire.later("note", key="away")
        until(lambda: gate.journal()["away"], "the write whose client goes")
        wire.close()
        wire = self.wire(LATE)
        wire.later("door", key="late")
        person = self.wire("desk-before", OWNER)
        until(lambda: waiting(person, "late"), "the ask whose client goes")
        person.close()
        wire.close()

    def lost(self, book: Book) -> list[str]:
        """What of it is not there any more. The gateway is restarted meanwhile.

        Args:
            book: what the honest have done besides.
        """
        gate, found = self.gate, []
        gate.restart()
        wire = self.wire(BILLS)
        again = wire.ask("tool_request", **BILL)
        if again.get("result", {}).get("data") != self.paid:
            found.append(f"the bill, asked for again, is answered {again}")
        wire.close()
        found += self.of_the_away()
        found += self.of_the_ask()
        journal = gate.journal()
        wanted = [*book.keys, "bill-7", "away"]
        found += [
            f"the write {key} ran {journal[key]} times" for key in wanted if journal[key] != 1
        ]
        found += self.of_the_rows(len(wanted))
        gate.end(signal.SIGTERM)
        return found + self.of_the_audit(wanted)

    def of_the_away(self) -> list[str]:
        wire = self.wire(AWAY)
        rows = wire.ask("get_pending_results").get("result", {}).get("results", [])
        wire.close()
        good = [row for row in rows if row.get("data") == "noted away"]
        return [] if good else [f"the outcome that nobody had fetched is gone: {rows}"]

    def of_the_ask(self) -> list[str]:
        person, wire = self.wire("desk-after", OWNER), self.wire(LATE)
        try:
            ids = waiting(person, "late")
            if not ids:
                return ["the ask that waited is gone"]
            answer = person.ask("decide_approval", id=ids[0], decision="approve")
            if "error" in answer:
                return [f"the ask that waited can't be approved: {answer['error']['message']}"]
            until(lambda: self.gate.journal()["late"], "the tool that was approved late")
        finally:
            person.close()
            wire.close()
        return []

    def of_the_rows(self, count: int) -> list[str]:
        wire = self.wire(BILLS)
        writes, before = 0, ""
        while True:
            page = wire.ask("list_requests", limit=1_000, **({"before": before} if before else {}))
            if "error" in page:
                return [f"the agent can't list its requests: {page['error']['message']}"]
            rows = page["result"]["requests"]
            writes += sum(row["tool"] in ("note", "door") for row in rows)
            if not page["result"].get("more"):
                break
            before = rows[-1]["id"]
        wire.close()
        return [] if writes >= count else [f"of {count} writes {writes} are listed"]

    def of_the_audit(self, keys: list[str]) -> list[str]:
        code, output = self.gate.said("audit", "verify")
        found = [f"audit verify ends with {code}: {output.strip()}"] if code else []
        code, output = self.gate.said("audit", "export")
        named: dict[str, str] = {}
        ended = set[str]()
        for line in output.splitlines():
            entry = entry_of(line)
            if entry.get("agent") == AGENT and "key" in entry.get("args", {}):
                named[entry["args"]["key"]] = entry["rid"]
            if entry.get("event") == "request.ended":
                ended.add(entry["rid"])
        missing = [key for key in keys if named.get(key) not in ended]
        return found + ([f"the audit has no end of {missing[:5]}"] if missing else [])

    def wire(self, client_id: str, token: str = HOME) -> Wire:
        return Wire(self.gate.target, token, client_id, timeout_s=PATIENCE_S)


def entry_of(line: str) -> dict[str, Any]:
    """An entry of the audit; {}: the line is none."""
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return found


def waiting(person: Wire, key: str) -> list[str]:
    """The ids of the agent's asks with this key that a person is shown, over all pages."""
    found, after = [], ""
    while True:
        page = person.ask("list_approvals", **({"after": after} if after else {}))
        rows = page.get("result", {}).get("approvals", [])
        found += [
            row["id"] for row in rows if row["agent"] == AGENT and row["args"].get("key") == key
        ]
        if not page.get("result", {}).get("more"):
            return found
        after = rows[-1]["id"]


def until(probe: Any, what: str) -> None:
    """Poll until the probe is true.

    Raises:
        AssertionError: it never was.
    """
    end = time.monotonic() + PATIENCE_S
    while not probe():
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE_S:g} s for {what}")
        time.sleep(0.01)
