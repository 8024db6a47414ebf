"""Digests: which exact request an approval is bound to (I4)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

encode_canonical = msgspec.json.Encoder(order="sorted").encode


def canonical_args(args: Any) -> bytes:
    """Encode arguments as JSON with sorted keys: equal arguments give equal bytes."""
    return encode_canonical(args)


def digest_of(tool: str, args: bytes) -> str:
    """SHA-256, in hex, of a tool's name and its canonical arguments.

    The name is length-prefixed, so that no tool and arguments can spell another pair.
    """
    name = tool.encode()
    return sha256(b"%d:%b%b" % (len(name), name, args)).hexdigest()
