"""Paths and queries as they are written in a URL (RFC 3986), and what they say."""

from __future__ import annotations

import re

FIELDS_MAX = 64
"""Fields of one query; what a face asks for has a few."""

ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")


def unescaped(text: str) -> str:
    """Decode ``%20`` and the like (section 2.1); bytes that are no UTF-8 become U+FFFD."""
    raw = ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return raw.decode(errors="replace")


def query_fields(query: str) -> dict[str, str]:
    """Read ``a=1&b=2``, where ``+`` is a blank, as forms write it; of a name twice the last counts.

    Raises:
        ValueError: there are more than ``FIELDS_MAX``.
    """
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    if len(pairs) > FIELDS_MAX:
        raise ValueError(f"more than {FIELDS_MAX} fields")
    return {
        unescaped(name.replace("+", " ")): unescaped(value.replace("+", " "))
        for name, _, value in pairs
    }
