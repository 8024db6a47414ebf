"""Dialogues: what a running tool asks of those who called it, and tells them on the way.

A server of tools may ask something in the midst of a call: its user by a form, its model, its
folders. Whoever called can be asked only by the face that they came by, so a face leaves an
``Asker`` with the call, and a tool finds those of its request here. A request that several wait for
has several. None of this is ever an approval: it is the agent's own program that answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

QUESTION_S: Final = 60.0
"""How long one question may wait for its answer: clients are known that say they can be asked and
then show nobody anything."""

ELICITATION_FORM: Final = "elicitation.form"
ELICITATION_URL: Final = "elicitation.url"
SAMPLING: Final = "sampling"
SAMPLING_TOOLS: Final = "sampling.tools"
ROOTS: Final = "roots"
"""What an asker may be able to do."""


class NotAnswered(Exception):
    """There is no answer: nobody could be asked, or nobody said anything in time. The text says
    which."""


class Asker(Protocol):
    """The client's end of a call, on whatever face."""

    @property
    def can(self) -> frozenset[str]:
        """What it can be asked for: the constants above."""
        ...

    async def ask(
        self, method: str, params: msgspec.Raw, timeout_s: float, key: str = ""
    ) -> msgspec.Raw:
        """Ask the client, and wait for what it says.

        Args:
            method: ``elicitation/create``, ``sampling/createMessage`` or ``roots/list``.
            params: its parameters, a JSON object, without anything that is between gate and server.
            timeout_s: how long to wait, in seconds.
            key: what the server calls it; "": nothing. A client that sees such names gets this one,
                if it is free.

        Returns:
            The result of the method, a JSON object.

        Raises:
            NotAnswered: there is none.
        """
        ...

    def tell(self, method: str, params: msgspec.Raw) -> None:
        """Tell the client something; at once, and without effect when the call is over.

        Args:
            method: ``notifications/progress``, whose parameters have no token: the face knows under
                which one its client wants it; or ``notifications/message``.
            params: its parameters, a JSON object.
        """
        ...


def nobody(rid: str) -> Sequence[Asker]:
    """Return no askers: no face has left any."""
    del rid
    return ()


class Dialogues:
    """Finds who can be asked. Made before the gate, which then sets ``find``.

    Attributes:
        find: returns the askers of all who wait for a request, by its rid; first who came first.
    """

    def __init__(self) -> None:
        self.find: Callable[[str], Sequence[Asker]] = nobody

    def one_who_can(self, rid: str, ability: str) -> Asker | None:
        """Return the first who can be asked for this, or None."""
        return next((asker for asker in self.find(rid) if ability in asker.can), None)

    def abilities(self, rid: str) -> frozenset[str]:
        """Return all that those who wait for a request can be asked for."""
        return frozenset[str]().union(*(asker.can for asker in self.find(rid)))

    def tell(self, rid: str, method: str, params: msgspec.Raw) -> None:
        """Tell all who wait for a request."""
        for asker in self.find(rid):
            asker.tell(method, params)
