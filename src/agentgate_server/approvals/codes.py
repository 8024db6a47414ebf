"""One-time codes: proof that the person who says yes has their phone in hand (TOTP, RFC 6238).

Each code is good once: one for a time step that was used, or is older than that, is refused. A code
of the step before or after the present one is taken, for clocks that are a little off. After some
wrong codes in a row the approver has to wait, longer each time, so that nobody can try a million.

A used code is a wrong one: who has overheard it knows nothing that is still worth something. Only a
fresh, right one ends the row, and only that of the person: the wrong codes that were given for one
approval are counted by themselves as well, so that who guesses beside a person who answers other
approvals gets no new tries by that.

What was used is remembered in memory. After a restart, codes of the steps around the last decision
that took one are refused for everybody: they may be the ones that were used.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentgate_server.secrets.secret import Secret

if TYPE_CHECKING:
    from pyotp import TOTP

STEP_S = 30
"""How long a code is shown (RFC 6238 section 5.2)."""

DRIFT_STEPS = 1
"""How many steps the phone's clock may be off, either way."""

WRONG_MAX = 5
"""Wrong codes in a row before an approver has to wait: mistyped ones, not guesses."""

PAUSE_S = 30.0
"""The first wait; each further wrong code doubles it."""

PAUSE_MAX_S = 3_600.0
"""The longest wait: a guesser gets 24 tries a day, 3 in a million of them right."""


COUNTED_MAX = 1_000
"""Approvals of which one approver's wrong codes are counted; beyond that, the one that had a wrong
code longest ago is forgotten. An agent has 10 of them waiting, unless configured otherwise."""


class WrongCode(Exception):
    """The code does not prove anything.

    Attributes:
        retry_after_s: how long no code of this approver is looked at; 0: the next may be right.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Guesses:
    """Wrong codes in a row, and until when no further one is looked at."""

    __slots__ = ("blocked_until", "wrong")

    def __init__(self) -> None:
        self.wrong = 0
        self.blocked_until = 0.0

    def pause(self, now: float) -> float:
        """How long to wait still, seconds; not above 0: not at all."""
        return min(self.blocked_until - now, PAUSE_MAX_S)  # the clock may have been set back

    def add(self, now: float) -> float:
        """Count one more, and return how long to wait after it."""
        self.wrong += 1
        excess = self.wrong - WRONG_MAX
        pause = min(PAUSE_S * 2.0 ** min(excess, 10), PAUSE_MAX_S) if excess >= 0 else 0.0
        self.blocked_until = now + pause
        return pause


class Approver:
    """What is known of one approver's codes."""

    __slots__ = ("by_approval", "guesses", "totp", "used_upto")

    def __init__(self, totp: TOTP) -> None:
        self.totp = totp
        self.used_upto = 0
        self.guesses = Guesses()
        self.by_approval: dict[str, Guesses] = {}

    def pause(self, rid: str, now: float) -> float:
        """How long no code is looked at, for this approval; not above 0: one is."""
        own = self.by_approval.get(rid)
        return max(self.guesses.pause(now), own.pause(now) if own else 0.0)

    def add_wrong(self, rid: str, now: float) -> float:
        """Count a wrong code, and return how long to wait after it."""
        own = self.by_approval.pop(rid, None) or Guesses()
        self.by_approval[rid] = own  # the newest is last
        if len(self.by_approval) > COUNTED_MAX:
            del self.by_approval[next(iter(self.by_approval))]
        return max(self.guesses.add(now), own.add(now))

    def use(self, step: int, rid: str) -> None:
        """A fresh code was right."""
        self.used_upto = step
        self.guesses = Guesses()
        self.by_approval.pop(rid, None)


class Codes:
    """Checks the codes of all approvers.

    Args:
        secrets: base32 secrets by approver's name; see ``principals[].totp`` in the configuration.
    """

    def __init__(self, secrets: Mapping[str, Secret] | None = None) -> None:
        self._approvers: dict[str, Approver] = {}
        self.reconfigure(secrets or {})

    def reconfigure(self, secrets: Mapping[str, Secret]) -> None:
        """Take these secrets from now on; of who keeps theirs, what was used stays used."""
        former, self._approvers = self._approvers, {}
        if not secrets:
            return
        from pyotp import TOTP  # loaded only where codes are used

        for name, secret in secrets.items():
            totp = TOTP(secret.value.replace(" ", ""), interval=STEP_S)
            known = former.get(name)
            same = known is not None and hmac.compare_digest(known.totp.secret, totp.secret)
            self._approvers[name] = known if known is not None and same else Approver(totp)

    def __repr__(self) -> str:
        return f"Codes({list(self._approvers)})"

    def used_before(self, at: float) -> None:
        """A former process took a code at this time (UTC seconds; 0: none): not that one again."""
        for approver in self._approvers.values():
            approver.used_upto = int(at) // STEP_S + DRIFT_STEPS if at else 0

    def verify(self, name: str, code: str, now: float, rid: str = "") -> None:
        """Use up a code.

        Args:
            name: the approver's.
            code: what the person typed; blanks do not matter.
            now: UTC seconds.
            rid: the approval that it is for.

        Raises:
            WrongCode: it proves nothing, and why.
        """
        approver = self._approvers.get(name)
        if approver is None:
            raise WrongCode(f"{name} has no one-time codes: set totp for a principal of this name")
        pause = approver.pause(rid, now)
        if pause > 0:
            raise WrongCode(f"too many wrong one-time codes: wait {pause:.0f} s", pause)
        step = self._step_of(approver, "".join(code.split()), int(now) // STEP_S)
        if step is not None and step > approver.used_upto:
            approver.use(step, rid)
            return
        pause = approver.add_wrong(rid, now)
        if step is None:
            raise WrongCode("the one-time code is wrong", pause)
        raise WrongCode("this one-time code may have been used: wait for the next one", pause)

    def _step_of(self, approver: Approver, code: str, now_step: int) -> int | None:
        """Return the time step that a code is for, or None. Compares each, in constant time."""
        found = None
        for step in range(now_step - DRIFT_STEPS, now_step + DRIFT_STEPS + 1):
            expected = approver.totp.generate_otp(max(step, 0))
            if hmac.compare_digest(expected.encode(), code.encode("utf-8", "replace")):
                found = step
        return found
