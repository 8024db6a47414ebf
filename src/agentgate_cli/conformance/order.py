"""In which order a gateway may say things: answers come in any, notifications in that of a vector.

So of ``send`` steps of one connection that follow each other, each message that comes is matched
with one; a vector that is ``ordered`` wants them as they stand there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentgate_cli.conformance.vectors import Mismatch, Step, Vector, brief, compare


class Sends:
    """The ``send`` steps of one run of a vector, and which of them have come.

    Args:
        vector: whose they are.
        bound: what is remembered.
    """

    def __init__(self, vector: Vector, bound: dict[str, Any]) -> None:
        self._vector = vector
        self._bound = bound
        self._came: set[int] = set()

    def take(self, at: int, receive: Callable[[Step], Any]) -> None:
        """Take messages until the step at this place has come.

        Args:
            at: its place.
            receive: returns the next message of its connection, or raises Mismatch, given the step
                that is waited for.

        Raises:
            Mismatch: one came that is none of those which may come.
        """
        steps = self._vector.steps
        while at not in self._came:
            places = [n for n in self._beside(at) if n not in self._came]
            message = receive(steps[at])
            self._came.add(places[matched([steps[n] for n in places], message, self._bound)])

    def _beside(self, at: int) -> list[int]:
        """The places of the step and of those that may come before it."""
        if self._vector.ordered:
            return [at]
        steps, end = self._vector.steps, at
        while end < len(steps) and "send" in steps[end] and steps[end]["on"] == steps[at]["on"]:
            end += 1
        return list(range(at, end))


def matched(wanted: list[Step], message: Any, bound: dict[str, Any]) -> int:
    """Return which of these steps a message is; bind what it binds.

    Raises:
        Mismatch: none of them; it tells how it differs from the one that it is most like.
    """
    possible = [n for n in range(len(wanted)) if may_be_next(wanted, n)]
    for n in possible:
        attempt = dict(bound)
        if not difference(wanted[n], message, attempt):
            bound.update(attempt)
            return n
    alike = (n for n in possible if name_of(wanted[n]["send"]) == name_of(message))
    raise Mismatch(difference(wanted[next(alike, 0)], message, dict(bound)))


def difference(wanted: Step, message: Any, bound: dict[str, Any]) -> str:
    """Say how a message differs from what a step wants; "": not at all."""
    try:
        compare(wanted["send"], message, bound)
    except Mismatch as error:
        return str(error)
    except KeyError:  # it refers to what a step binds that has not come
        return f"{brief(message)} instead of {brief(wanted)}"
    return ""


def may_be_next(wanted: list[Step], place: int) -> bool:
    """Whether it is an answer, or no other notification stands before it."""
    before = wanted[:place] if "method" in wanted[place]["send"] else []
    return all("method" not in step["send"] for step in before)


def name_of(message: Any) -> Any:
    """What tells a message from others: its method, or the id that it answers."""
    if not isinstance(message, dict):
        return None
    return message.get("method") or ("id", message.get("id"))
