"""Deceits: what tells whoever guesses that they have guessed right."""

from __future__ import annotations

from collections.abc import Iterator

import pyotp
from tests.pressure.attacks.deceit import Deceit
from tests.pressure.gateway import PIN, TOTP

from agentgate_proto.errors import ErrorCode

WRONG = "4712"
"""Another guess, as long as the PIN."""


class GuessedCode(Deceit):
    """A used code makes the guesses before it count for nothing."""

    def got(self) -> Iterator[str]:
        wire = self.wire()
        wire.later("coded", x=1)
        wire.later("coded", x=2)
        first, second = (each["id"] for each in self.waiting(2))
        good = pyotp.TOTP(TOTP).now()
        status, answer = self.decide(first, code=good)
        if status != 200:
            yield f"the right code is refused: {answer}"
        looked_at = 0
        for turn in range(10):
            for guess in range(4):
                _, answer = self.decide(second, code=f"{100_000 + 4 * turn + guess}")
                looked_at += "is wrong" in str(answer)
            self.decide(second, code=good)
        if not 0 < looked_at <= 10:
            yield f"{looked_at} of 40 guesses were looked at"


class PinByItsMask(Deceit):
    """The one number that comes back masked is the secret: in a result, or among the requests."""

    def got(self) -> Iterator[str]:
        wire = self.wire()
        sent = " ".join(f"{number:04}" for number in range(10_000))
        answer = wire.call("echo", text=sent)
        back = answer.get("result", {}).get("data")
        if back != sent:
            told = [a for a, b in zip(sent.split(), str(back).split(), strict=False) if a != b]
            yield f"{told[:5]} did not come back: {str(answer)[:100]}"
        for guess in (PIN, WRONG):
            wire.call("note", key="guess", text=guess)
        rows = wire.ask("list_requests").get("result", {}).get("requests", [])
        texts = [row["args"].get("text") for row in rows if row["tool"] == "note"]
        if sorted(map(str, texts)) != [PIN, WRONG]:
            yield f"the requests of both guesses are listed with {texts}"
        answer = wire.call("slip")
        if PIN in str(answer) or "•••" not in str(answer):
            yield f"a tool said it, and the agent heard it: {answer}"


class PinByAnError(Deceit):
    """The one name of an argument that comes back masked is the secret."""

    def got(self) -> Iterator[str]:
        wire = self.wire()
        for tool in ("echo", "disarm"):
            right, wrong = (
                wire.call(tool, text="x", **{guess: 1}).get("error", {}) for guess in (PIN, WRONG)
            )
            if wrong.get("code") != ErrorCode.INVALID_PARAMS or WRONG not in wrong["message"]:
                yield f"{tool} does not say what is wrong: {wrong}"
            if str(right).replace(PIN, WRONG) != str(wrong):
                yield f"{tool}: {right} is not {wrong}"
