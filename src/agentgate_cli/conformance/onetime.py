"""One-time codes as the vectors use them: TOTP, RFC 6238, with SHA-1, 6 digits and 30 seconds.

Written out here, and not taken from the library that our gateway checks them with, so that each
shows the other to be right.
"""

from __future__ import annotations

import hmac
from base64 import b32decode

STEP_S = 30

NEAR_STEPS = 2
"""Codes of so many steps around the present one are not called wrong: clocks differ."""


def code_of(secret: str, utc: float) -> str:
    """Return the code of this moment.

    Args:
        secret: in base32.
        utc: seconds since 1970.
    """
    return code_of_step(secret, int(utc) // STEP_S)


def wrong_code_of(secret: str, utc: float) -> str:
    """Return six digits that are no code of this secret now, nor shortly before or after."""
    now = int(utc) // STEP_S
    near = range(now - NEAR_STEPS, now + NEAR_STEPS + 1)
    right = {code_of_step(secret, step) for step in near}
    return next(code for code in map("{:06}".format, range(len(right) + 1)) if code not in right)


def code_of_step(secret: str, step: int) -> str:
    """Return the code of a time step (RFC 4226 section 5.3, with the step for the counter)."""
    digest = hmac.digest(b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"
