"""Owners: whose share something is taken from."""

from __future__ import annotations

from typing import NamedTuple

STRANGERS = ""
"""The name of all who have not said who they are, together; no principal has it."""


class Owner(NamedTuple):
    """Somebody with a share of their own.

    Attributes:
        name: of the principal, or ``STRANGERS``.
        is_person: agents can't take what is kept for people.
    """

    name: str
    is_person: bool = False


STRANGER = Owner(STRANGERS)
"""Whoever has not said who they are."""
