"""Target: ``permissions.yaml``, and what its rules then say of a few requests."""

from __future__ import annotations

from typing import Any

from tests.fuzz.targets.errors import check_error

from agentgate_proto.records.request import Effects
from agentgate_server.documents import DocumentError
from agentgate_server.policy import Policy

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("ha_call_service", {"domain": "light", "service": "turn_on", "entity_id": "light.bedroom"}),
    ("ha_get_state", {"entity_id": ["lock.front", "all"]}),
    ("x", {"amount": 5, "where": None, "a": {"b": [1.5, True]}}),
]


def run(data: bytes) -> None:
    """Load it; it decides as it explains, or it is an error of one line."""
    text = data.decode("utf-8", "replace")
    try:
        policy = Policy.parse(text)
    except DocumentError as error:
        check_error(error)
        return
    for tool, args in REQUESTS:
        request: dict[str, Any] = {"agent": "house", "tool": tool, "effects": Effects.WRITE}
        explained = policy.explain(**request, args=args, now=0.0)
        decided = policy.decide(**request, args=args, now=0.0)
        assert decided == explained.decision
        assert decided.action in policy.possible(**request)
        expected = policy.expect(**request)
        assert expected in (None, decided.action)
    for rule in policy.rules:
        policy.unknown_tool(rule, ["x"])
