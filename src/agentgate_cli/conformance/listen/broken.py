"""What a case says when a client does not do what it must."""

from __future__ import annotations

from typing import Any

import msgspec

SHOWN_CHARS = 200


class Broken(Exception):
    """The client broke a rule, or did not do what it must.

    Args:
        problem: what was missing, in a sentence.
        rules: those of ``spec/`` that say so, or the page that does.
    """

    def __init__(self, problem: str, *rules: str) -> None:
        super().__init__(f"{problem} ({', '.join(rules)})" if problem and rules else problem)
        self.problem = problem
        self.says_where = bool(rules)
        self.rules = tuple(rule for rule in rules if not rule.endswith(".md"))


class Faults:
    """Faults that a client shows again and again: each is told once, and let pass afterwards.

    So one cause fails one case. What is let pass must not keep the cases from going on.

    Attributes:
        are_let_pass: whatever comes is let pass now, and told when it comes again.
    """

    def __init__(self) -> None:
        self.are_let_pass = False
        self._told: set[str] = set()

    def tell(self, kind: str, problem: str, *rules: str) -> None:
        """Tell of a fault.

        Raises:
            Broken: this kind was not told yet.
        """
        if kind not in self._told and not self.are_let_pass:
            self._told.add(kind)
            raise Broken(problem, *rules)


def shown(message: Any) -> str:
    """A message in one line that is not too long."""
    return msgspec.json.encode(message).decode()[:SHOWN_CHARS]
