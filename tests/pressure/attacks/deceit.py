"""What a deceit is, and what many of them do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from tests.pressure.gateway import EVIL, OWNER, PressedGateway
from tests.pressure.keepsakes import until
from tests.pressure.wire import Wire, http

from agentgate_proto.errors import ErrorCode


class Deceit:
    """One of them. To be closed.

    Its name is that of its class, in words with hyphens. The docstring says what it wants. Each
    tries what is in order beside its trick: that nothing goes through proves nothing by itself.

    Args:
        gate: a gateway that others may have tried to deceive before.

    Attributes:
        config: what is laid over the gateway's configuration.
        alone: it stops the gateway, or changes what is in force there: others need another one.
        slow: it runs commands of ours, a second each, that tests/cli plays as well.
    """

    config: ClassVar[dict[str, Any]] = {}
    alone: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    def __init__(self, gate: PressedGateway) -> None:
        self.gate = gate
        self.wires: list[Wire] = []
        self.before = {each["id"] for each in self.listed()}

    def got(self) -> Iterator[str]:
        """Try it; say what it got, and what in order was refused."""
        raise NotImplementedError

    def close(self) -> None:
        """Drop its connections."""
        for wire in self.wires:
            wire.close()

    def wire(self, token: str = EVIL, client_id: str = "") -> Wire:
        """Connect."""
        self.wires.append(Wire(self.gate.target, token, client_id))
        return self.wires[-1]

    def listed(self) -> list[dict[str, Any]]:
        """All that waits, as a person is shown it."""
        found: list[dict[str, Any]] = http(self.gate.target, "GET", "/api/approvals", OWNER)[1][
            "approvals"
        ]
        return found

    def waiting(self, count: int = 1) -> list[dict[str, Any]]:
        """What a person is shown of this one's asks, as soon as so many wait."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [each for each in self.listed() if each["id"] not in self.before]
            return len(found) >= count

        until(look, f"{count} approvals")
        return found

    def decide(self, approval: str, **body: Any) -> tuple[int, Any]:
        """Say yes as a person does; return the status and the answer."""
        path = f"/api/approvals/{approval}"
        return http(self.gate.target, "POST", path, OWNER, {"decision": "approve", **body})

    def refused(
        self,
        tool: str,
        *tries: dict[str, Any],
        code: ErrorCode = ErrorCode.DENIED_BY_POLICY,
        token: str = EVIL,
    ) -> Iterator[str]:
        """Ask with each of these arguments; say what is not refused as it must be."""
        wire = self.wire(token)
        for args in tries:
            answer = wire.call(tool, **args)
            if answer.get("error", {}).get("code") != code:
                yield f"{tool} {args} should be {code.name}: {answer}"

    def served(self, tool: str, *tries: dict[str, Any]) -> Iterator[str]:
        """Ask with each of these arguments; say what is refused, though it is in order."""
        wire = self.wire()
        for args in tries:
            answer = wire.call(tool, **args)
            if "result" not in answer:
                yield f"{tool} {args} is in order, and is refused: {answer}"
