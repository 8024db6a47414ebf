"""What the scripted gateway remembers of a client's tool requests, to see what must not come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentgate_cli.conformance.listen.broken import Broken, Faults, shown

EXACT_MAX = 2**53
"""Up to here ids must be exact; from there on they may be strings."""


class Memory:
    """Requests of one instance of a client, by id.

    Args:
        faults: what was told already.

    Attributes:
        requests: parameters of every tool request, by id.
        floor: what ``auth`` told as ``highest_id``: ids begin above it.
    """

    def __init__(self, faults: Faults) -> None:
        self.requests: dict[int, Any] = {}
        self.floor = 0
        self._faults = faults
        self._banned: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._banned_params: list[Any] = []
        self._others: dict[int | str, dict[str, Any]] = {}

    @property
    def highest(self) -> int:
        """The highest id that counts as used."""
        return max([self.floor, *self.requests])

    def begin_above(self, told: Any) -> None:
        """Ids that were not used yet must be above what ``auth`` has told now, too."""
        if type(told) is int:
            self.floor = max(self.floor, told)

    def ban(self, request_ids: Iterable[int], why: str, *rules: str) -> None:
        """From now on these must not come again; ``why`` follows "although"."""
        self._banned.update((request_id, (why, rules)) for request_id in request_ids)

    def begin_case(self) -> None:
        """What was banned for one case is so no more."""
        self._banned_params.clear()

    def ban_params(self, message: dict[str, Any]) -> None:
        """The call of this request must not be made again, under whatever id (C7)."""
        self._banned_params.append(message["params"])

    def note(self, message: dict[str, Any]) -> None:
        """Look at a tool request: its id is new and above all before it, or it is the same again.

        Raises:
            Broken: it is not.
        """
        request_id, params = message["id"], message.get("params")
        if not isinstance(params, dict) or not isinstance(params.get("args", {}), dict):
            raise Broken(f"params and args must be objects: {shown(message)}", "M11", "C1")
        if type(request_id) is not int:
            if isinstance(request_id, str) and self.highest >= EXACT_MAX - 1:
                return
            text = f"the id {request_id!r} is no number of the counter"
            self._faults.tell("no number", text, "C2")
            return
        if not params.get("idempotency_key", "a key"):
            raise Broken("an idempotency_key is sent though the caller gave none", "C10")
        if params in self._banned_params and request_id not in self.requests:
            raise Broken(f"a call that was unknown was made again, as {request_id}", "C7")
        if request_id in self._others:
            raise Broken(f"id {request_id} was that of another call before", "C2")
        if request_id in self._banned:
            why, rules = self._banned[request_id]
            raise Broken(f"id {request_id} came again although {why}", *rules)
        if request_id in self.requests:
            if self.requests[request_id] != params:
                raise Broken(f"id {request_id} came again with other content", "C2", "R6")
            return
        highest = self.highest
        self.requests[request_id] = params
        if request_id <= highest:
            text = f"id {request_id} is not above {highest}, which is highest_id or was used before"
            self._faults.tell("counter", text, "C2")

    def note_other(self, message: dict[str, Any]) -> None:
        """Look at a request of another kind: its id is its own.

        Raises:
            Broken: it is not.
        """
        request_id = message["id"]
        if request_id is None or isinstance(request_id, bool | float):
            raise Broken(f"no such id: {shown(message)}", "C2", "M6")
        if self._others.get(request_id, message) != message or request_id in self.requests:
            raise Broken(f"id {request_id} was that of another call before", "C2")
        self._others[request_id] = message
