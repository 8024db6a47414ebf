"""What a policy is checked against of a tool; the tools themselves live above the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agentgate_proto.records.request import Effects
from agentgate_server.policy.leaves import Path


class Expected(Protocol):
    """What may stand in an argument; see :class:`agentgate_server.tools.expected.Expected`."""

    @property
    def types(self) -> Sequence[object]:
        """The types of it; none: there is no such place."""
        ...

    @property
    def choices(self) -> Sequence[Any] | None:
        """All values that there are; None: too many to list."""
        ...

    def forms(self, value: Any, *, as_given: bool) -> Sequence[Any] | None:
        """The forms in which a tool gets a value; empty: it never does; None: who knows."""
        ...


class Tool(Protocol):
    """A tool, as far as a policy can be about it; see :class:`agentgate_server.tools.tool.Tool`."""

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        ...

    @property
    def effects(self) -> Effects:
        """Whether it reads or writes."""
        ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of its arguments."""
        ...

    @property
    def names(self) -> frozenset[str] | None:
        """The squeezed names of all arguments and fields; None: there may be any."""
        ...

    @property
    def unseen(self) -> frozenset[str]:
        """The arguments of which nobody can see what the tool gets where they are left out."""
        ...

    def expected(self, path: Path) -> Expected | None:
        """What may stand at a path in the arguments; None: nobody knows."""
        ...
