"""``spec/CHECKLIST.md``: every rule with MUST, and what tests it.

``python -m tests.spec.checklist`` prints what nothing tests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tests.spec.rules import SPEC, Rule, rules

from agentgate_cli.conformance.listen.cases import ALL
from agentgate_cli.conformance.listen.examination import CONNECTING, TAKEN_OVER
from agentgate_cli.conformance.vectors import load

ROOT = SPEC.parent

ORDER = (
    *("minimal", "reconnect", "withdrawing", "keep-alive", "kept-rows", "sessions", "providing"),
    *("approvals", "agents", "relays", "old-clients", "http", "security", "limits"),
)
"""The pages, as they are read."""

ROLES = {"client": "client", "server": "gateway"}
"""Whose rules the vectors of a role test."""

ORDINARY: dict[str, tuple[str, ...]] = {
    "F6": (
        "tests/proto/faces/test_http_api.py::test_a_limit_says_when_to_come_back",
        "tests/proto/faces/test_http_api.py::test_who_floods_without_a_token_has_to_come_again",
    ),
    "S47": (
        (
            "tests/proto/sessions/test_spending.py::"
            "test_a_cost_that_nobody_knows_is_none_and_so_is_that_of_its_run"
        ),
    ),
    "T3": (
        "tests/client/test_tls.py::test_a_certificate_that_is_not_accepted_ends_the_first_attempt",
    ),
    "A23": ("tests/server/store/test_sqlite.py::test_two_stores_have_two_epochs",),
    "C23": (
        (
            "tests/proto/ledger/test_urgency.py::"
            "test_a_tool_waits_for_its_intention_and_a_client_for_its_outcome"
        ),
    ),
    "X20": ("tests/server/test_gateway.py::test_clients_are_sent_back_with_1012_at_shutdown",),
    "X21": (
        (
            "tests/server/identity/test_revoking.py::"
            "test_a_revoked_token_is_refused_and_its_connections_are_closed"
        ),
    ),
    "X22": (
        (
            "tests/server/sockets/test_hostile_peers.py::"
            "test_a_peer_that_does_not_read_is_closed_and_holds_nobody_up"
        ),
    ),
    "Y4": ("tests/proto/rpc/test_behalf.py::test_what_was_at_too_many_gateways_is_not_passed_on",),
    "Y11": ("tests/relay/test_ending.py::test_what_may_have_run_is_unknown_if_it_writes",),
    "Z1": ("tests/client/test_failures.py::test_the_token_is_in_no_url_and_in_no_log",),
    "Z20": (
        "tests/server/identity/test_tokens.py::test_every_principal_is_compared_whoever_matches",
        "tests/cli/test_token.py::test_only_the_hash_is_kept_and_only_for_the_owner",
    ),
    "Z21": (
        (
            "tests/server/sockets/test_hostile_peers.py::"
            "test_guessing_tokens_is_stopped_and_the_right_token_is_let_in_all_the_same"
        ),
    ),
}
"""Rules of which neither a vector nor a case can see anything: the tests that do, each as a file
and a function. Keep it short: another implementation can't be tested by them."""

CASES = (CONNECTING, *ALL, TAKEN_OVER)
"""All cases, in the order in which they are played."""

HEAD = """<!-- Made by python -m tests.spec.files: do not edit. -->
# Checklist

Every rule with MUST, by page, and what tests it: vectors (their names), cases of
`agent-gate conformance --listen` (*their names*), or, where neither can see it, a test of our own
implementation (`its name`). A client takes the pages of its levels; a gateway what is marked
*gateway* or *both*.
"""


def text() -> str:
    """The page."""
    tests = what_tests()
    parts = [HEAD]
    for level in ORDER:
        bound = [rule for rule in rules() if rule.level == level and rule.is_must]
        if bound:
            rows = [row(rule, tests) for rule in bound]
            head = ["| rule | whose | what | tested by |", "| --- | --- | --- | --- |"]
            parts.append("\n".join([f"## [{level}]({level}.md)", "", *head, *rows, ""]))
    return "\n".join(parts)


def row(rule: Rule, tests: dict[tuple[str, str], list[str]]) -> str:
    """The line of one rule."""
    found = [name for side in rule.sides for name in tests[rule.id, side]]
    cells = [rule.id, rule.mark, rule.duty, "; ".join(found)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def what_tests() -> dict[tuple[str, str], list[str]]:
    """What tests each rule, by the rule and whom it binds."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for role, side in ROLES.items():
        for vector in load(role):
            for rule in vector.rules:
                found[rule, side].append(vector.name)
    for case in CASES:
        for rule in case.rules:
            found[rule, "client"].append(f"*{case.name}*")
    for rule, names in ORDINARY.items():
        for name in names:
            for side in ("client", "gateway"):
                found[rule, side].append(f"`{name.partition('::')[2]}`")
    return found


def untested() -> list[str]:
    """What binds without a test, such as "R6 client"."""
    tests = what_tests()
    return [
        f"{rule.id} {side}"
        for rule in rules()
        if rule.is_must
        for side in rule.sides
        if not tests[rule.id, side]
    ]


def exists(name: str, root: Path = ROOT) -> bool:
    """Whether there is a test of this name: ``folder/file.py::function``."""
    file, _, function = name.partition("::")
    path = root / file
    return path.is_file() and bool(
        re.search(
            rf"^(?:async )?def {re.escape(function)}\(", path.read_text("utf-8"), re.MULTILINE
        )
    )


if __name__ == "__main__":
    print(*untested(), sep="\n")
