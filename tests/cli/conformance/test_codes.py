"""``agent-gate conformance`` and one-time codes: each counts once, and not everybody has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pyotp
import pytest

from agentgate_cli.conformance import live
from agentgate_cli.conformance.frames import TEXT, Frame
from agentgate_cli.conformance.live import play
from agentgate_cli.conformance.onetime import STEP_S, code_of, wrong_code_of
from agentgate_cli.conformance.profile import GIVEN
from agentgate_cli.conformance.rows import Row
from agentgate_cli.conformance.vectors import Step, Vector, filled, load

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
TOKENS = {name: SECRET if name.endswith("_totp") else f"a {name}" for name in GIVEN}
NOW = 1_800_000_010.0


@pytest.mark.parametrize(
    ("utc", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_rfc_6238(utc: float, code: str) -> None:
    assert code_of(SECRET, utc) == code  # appendix B, the last six digits


def test_a_wrong_code_is_none_that_a_gateway_with_another_clock_would_take() -> None:
    totp = pyotp.TOTP(SECRET)
    for utc in range(0, 20_000, STEP_S):
        wrong = wrong_code_of(SECRET, utc + 60)
        assert len(wrong) == 6
        assert wrong not in {totp.at(utc + 60 + shift) for shift in (-60, -30, 0, 30, 60)}


def test_a_wrong_code_steps_aside_for_a_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {-1: "000000", 0: "000002", 1: "000001"}
    monkeypatch.setattr(
        "agentgate_cli.conformance.onetime.code_of_step",
        lambda secret, step: codes.get(step - 100, "999999"),
    )
    assert wrong_code_of(SECRET, 100 * STEP_S) == "000003"


def test_a_code_is_remembered_to_be_used_again() -> None:
    bound: dict[str, Any] = {"s": SECRET}
    assert filled([{"$totp": ["s", "x"]}], bound, 59) == ["287082"]
    assert filled({"code": {"$ref": "x"}}, bound, 1111111109) == {"code": "287082"}


class ScriptedGateway:
    """Says what it is told to, whatever it hears; its clock goes on only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]]) -> None:
        self.answers: Iterator[dict[str, Any]] = iter(answers)
        self.heard: list[dict[str, Any]] = []
        self.now = NOW
        self.ended = True  # nothing comes besides
        monkeypatch.setattr(live.frames, "connect", lambda url: self)
        monkeypatch.setattr(live.time, "time", lambda: self.now)
        monkeypatch.setattr(live.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def send_json(self, message: dict[str, Any]) -> None:
        self.heard.append(message)

    def receive(self, within_s: float) -> Frame:
        return Frame(TEXT, msgspec.json.encode(next(self.answers)))

    def drop(self) -> None:
        """Nothing to do."""


REFUSED = {"error": {"code": -32012, "message": "it may have been used"}}
GOOD = {"result": {"status": "approved"}}


def played(*, wants: Step | None = None) -> Row:
    """Play a vector that takes a good code."""
    steps: list[Step] = [
        {"connect": "p"},
        {"receive": {"code": {"$totp": ["approver_totp", "x"]}}, "on": "p"},
        {"send": wants or GOOD, "on": "p"},
    ]
    return play("ws://nowhere", TOKENS, Vector("a code", "", steps), slow=False)


def test_a_code_that_was_used_before_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = ScriptedGateway(monkeypatch, [REFUSED, REFUSED, GOOD])
    assert played().verdict == "passed"
    steps = [NOW, NOW + STEP_S, NOW + 2 * STEP_S]
    assert [a["code"] for a in gateway.heard] == [code_of(SECRET, utc) for utc in steps]
    assert "may have been used before: the next one comes in 20 s" in capsys.readouterr().err


def test_what_waits_of_the_first_try_has_lapsed_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = ScriptedGateway(monkeypatch, [REFUSED, GOOD])
    gateway.now = NOW + 19
    assert played().verdict == "passed"
    assert gateway.now == NOW + 19 + live.LAPSED_S


def test_a_gateway_that_takes_no_code_at_all_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = ScriptedGateway(monkeypatch, [REFUSED] * 3)
    assert played().verdict == "failed"
    assert len(gateway.heard) == 3


@pytest.mark.parametrize("answer", [{"result": {"status": "waiting"}}, {"error": {"code": -32603}}])
def test_another_failure_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    gateway = ScriptedGateway(monkeypatch, [answer])
    assert played().verdict == "failed"
    assert gateway.now == NOW


def test_a_refusal_that_is_wanted_but_differs_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = ScriptedGateway(monkeypatch, [REFUSED])
    row = played(wants={"error": {"code": -32012, "data": {"$type": "object"}}})
    assert (row.verdict, gateway.now) == ("failed", NOW)


def skipped(*missing: str) -> dict[str, str]:
    """Why vectors can't be played with a gateway that lacks these tokens or secrets."""
    tokens = {name: text for name, text in TOKENS.items() if name not in missing}
    reasons = {a.name: live.why_not(a, tokens, slow=True) for a in load("server")}
    return {name: why for name, why in reasons.items() if why and "restart" not in why}


def needing(feature: str) -> set[str]:
    """The vectors that need something, but no restart."""
    vectors = load("server")
    return {a.name for a in vectors if feature in a.needs and "restart" not in a.needs}


def test_a_gateway_without_codes_or_several_approvers_is_told_so() -> None:
    assert skipped() == {}
    without_codes = skipped("approver_totp", "second_totp", "guesser_totp")
    assert without_codes["a good code counts once"] == (
        "needs codes: --tokens names no approver_totp"
    )
    assert set(without_codes) == needing("codes")
    assert all(why.startswith("needs codes") for why in without_codes.values())
    without_second = skipped("second_token")
    assert without_second["two people say yes"] == (
        "needs several approvers: --tokens names no second_token"
    )
    assert set(without_second) == needing("several approvers")


def test_a_vector_that_takes_a_code_says_that_it_needs_codes() -> None:
    for vector in load("server"):
        names = set(live.refs(vector.steps))
        takes_code = any(name.endswith("_totp") for name in names)
        assert takes_code <= ("codes" in vector.needs), vector.name
        assert ("second_token" in names) <= ("several approvers" in vector.needs), vector.name


def test_a_gateway_without_sessions_is_told_so() -> None:
    without = skipped("model")
    assert without["one run at a time"] == "needs sessions: --tokens names no model"
    assert set(without) == needing("sessions")
