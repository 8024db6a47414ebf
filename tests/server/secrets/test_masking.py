"""Masking: every secret is hidden, in every form it is likely to take, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import logging
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_cli.logs import JsonFormatter, MaskingFilter, TextFormatter
from agentgate_proto.audit.sealing import Seal
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.grant import GrantTerms, grant_of, words_of
from agentgate_proto.records.outcome import executed, failed
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_server import tool
from agentgate_server.config import config_from_dict
from agentgate_server.policy import signature_of
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import CallInProgress, Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.secrets.secret_names import is_secret_name
from agentgate_server.tools.python import tool_of
from agentgate_server.tools.runner import Runner

TOKEN = 'hä"l\\lo/ +&<secret>'
PLAIN = "ag_0123456789abcdefghij"
MASKER = Masker([Secret(TOKEN), Secret(PLAIN), Secret("Bearer ha-long-lived-token"), Secret("a1b")])


def record(args: Any, **changes: Any) -> Record:
    made = Record(
        rid="r1",
        principal="garden",
        client_id="c",
        request_id=1,
        tool="unlock",
        args=msgspec.Raw(msgspec.json.encode(args, order="sorted")),
        signature=signature_of("unlock", args),
        digest="d",
        effects=Effects.WRITE,
        phase=Phase.WAITING,
        created_at=1.0,
    )
    return msgspec.structs.replace(made, **changes)


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "PASSWORD", "passwd", "user_password", "passwordConfirm"),
        *("token", "access_token", "accessToken", "refresh-token", "\uff34OKEN", "t\u043eken"),
        *("secret", "client_secret", "api_key", "apikey", "API-Key", "x-api-key", "authorization"),
        *("Proxy-Authorization", "cookie", "Set-Cookie", "pin", "PIN", "user_pin", "doorPin"),
        *(
            "code",
            "Code",
            "c o d e",
            "alarm_code",
            "doorCode",
            "otp",
            "totp",
            "pass",
            "pwd",
            "pin2",
        ),
        *("private_key", "credentials", "pass\u200bword"),
    ],
)
def test_a_name_of_a_secret_is_known_in_every_spelling(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("entity_id", "country_code", "status_code", "color_code", "spin", "mapping", "passenger"),
        *("compass", "codes", "encode", "opinion", "", "1", "key", "author", "passage"),
    ],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("secret", [TOKEN, PLAIN, "ha-long-lived-token"])
@pytest.mark.parametrize(
    "form",
    [
        str,
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps(json.dumps(text)),
        repr,
        quote,
        lambda text: quote(text, safe=""),
        html.escape,
        lambda text: text.encode().hex(),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.b64encode(f"x{text}y".encode()).decode(),
        lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"xy{text}".encode()).decode(),
    ],
)
def test_a_configured_secret_is_hidden_in_every_form(secret: str, form: Any) -> None:
    text = f"before {form(secret)} after"
    masked = MASKER.text(text)
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert form(secret).strip("\"'") not in masked


@given(st.text(min_size=8, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_text_around_a_secret_keeps_it_from_being_hidden(
    secret: str, before: str, after: str
) -> None:
    assert secret.strip() == "" or secret not in Masker([Secret(secret)]).text(
        before + secret + after
    )


def test_a_secret_that_is_no_text_is_hidden_all_the_same() -> None:
    assert Masker([Secret("no\udcfftext-at-all")]).text("a no\udcfftext-at-all") == f"a {MASK}"


def test_a_very_short_secret_is_hidden_as_a_word_only() -> None:
    assert MASKER.text("a1b, xa1b") == f"{MASK}, xa1b"


def test_what_is_no_secret_stays_as_it_is() -> None:
    assert Masker().text("nothing to hide: 12") == "nothing to hide: 12"
    data = b'{"a": 1,  "b":"x"}'
    assert MASKER.shown(data) is data
    assert MASKER.result(data) is data
    assert PLAIN not in repr(MASKER)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("wrong password=hunter22, sorry", f"wrong password={MASK}, sorry"),
        ("Authorization: Bearer abcdef", f"Authorization: Bearer {MASK}"),
        ('{"api_key": "abcdef", "b": 1}', f'{{"api_key": "{MASK}", "b": 1}}'),
        ("https://me:mypass@host/x?token=abcdef&x=1", f"https://me:{MASK}@host/x?token={MASK}&x=1"),
        ("a bearer abcdefghij", f"a bearer {MASK}"),
    ],
)
def test_what_is_written_like_a_secret_is_hidden_in_words(text: str, masked: str) -> None:
    assert Masker().text(text) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"Password": "x", "user": "bob"}, {"Password": MASK, "user": "bob"}),
        ({"a": [{"b": {"api-key": {"deep": [1]}}}]}, {"a": [{"b": {"api-key": {"deep": [MASK]}}}]}),
        ({"p\\u0061ssword": "x"}, {"p\\u0061ssword": "x"}),
        ({"token": None, "pin": True, "code": ""}, {"token": None, "pin": True, "code": ""}),
        ({"max_tokens": 100, "tokens": ["a"]}, {"max_tokens": 100, "tokens": [MASK]}),
        ({"text": f"it is {PLAIN}!"}, {"text": f"it is {MASK}!"}),
        ({"pin": 4711}, {"pin": MASK}),
    ],
)
def test_json_for_people_is_hidden_by_name_and_by_value(value: Any, masked: Any) -> None:
    data = msgspec.json.encode(value, order="sorted")
    assert msgspec.json.decode(MASKER.shown(data)) == masked


def test_a_name_written_with_escapes_is_known() -> None:
    assert msgspec.json.decode(Masker().shown(rb'{"p\u0061ssword":"x"}')) == {"password": MASK}


def test_a_secret_made_of_digits_leaves_json_json() -> None:
    masker = Masker([Secret("12345678")])
    assert masker.result(b'{"n":91234567890,"m":1}') == f'{{"m":1,"n":"{MASK}"}}'.encode()


def test_a_secret_that_several_values_spell_hides_the_whole() -> None:
    masker = Masker([Secret('1,"b":2')])
    assert masker.result(b'{"a":1,"b":2}') == f'"{MASK}"'.encode()


def test_a_request_is_shown_without_what_its_arguments_hide() -> None:
    args = {"code": "4711", "door": "front", "note": "the code of the door", "x": {"pin": 123456}}
    outcome = msgspec.structs.replace(failed("4711 is wrong, 123456 too; 47110 is not"))
    shown = MASKER.record(record(args, outcome=outcome, client_id=f"me-{PLAIN}"))
    assert msgspec.json.decode(shown.args) == {
        "code": MASK,
        "door": "front",
        "note": "the code of the door",
        "x": {"pin": MASK},
    }
    assert shown.outcome is not None
    assert shown.outcome.message == f"{MASK} is wrong, {MASK} too; 47110 is not"
    assert "4711" not in shown.signature
    assert "front" in shown.signature
    assert shown.warning == ""
    assert shown.client_id == f"me-{MASK}"


def test_a_result_is_shown_without_the_secrets_of_its_request() -> None:
    outcome = executed(b'{"echo":"hunter22","token":"zzz","ok":1}')
    shown = MASKER.record(record({"password": "hunter22"}, outcome=outcome, request_id=PLAIN))
    assert shown.outcome is not None
    assert msgspec.json.decode(shown.outcome.data) == {"echo": MASK, "token": MASK, "ok": 1}
    assert shown.request_id == MASK


def test_a_request_without_secrets_keeps_its_very_arguments() -> None:
    plain = record({"door": "front"})
    assert MASKER.record(plain) == plain


@tool(effects="read", inline=True)
def leak(password: str) -> str:
    return f"{PLAIN} {password}"


@tool(effects="read", inline=True)
def broken(password: str) -> str:
    raise ValueError(f"cannot use {PLAIN} with {password}")


def test_an_agent_gets_no_configured_secret_from_a_tool(caplog: pytest.LogCaptureFixture) -> None:
    runner = Runner(masker=MASKER)
    leaks, breaks = tool_of(leak), tool_of(broken)
    assert leaks is not None
    assert breaks is not None
    told = runner.run_inline(leaks, {"password": "hunter22"})
    assert msgspec.json.decode(told.data) == f"{MASK} hunter22"
    with caplog.at_level(logging.WARNING):
        ended = runner.run_inline(breaks, {"password": "hunter22"})
    assert ended.message == f"ValueError: cannot use {MASK} with {MASK}"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_no_log_record_leaves_with_a_secret(formatter: logging.Formatter) -> None:
    try:
        raise ValueError(f"broken {PLAIN} hunter22") from KeyError(TOKEN)
    except ValueError as error:
        exc_info = (type(error), error, error.__traceback__)
    made = logging.LogRecord("x", logging.ERROR, __file__, 1, "got %s", (PLAIN,), exc_info)
    made.url = f"https://api.example/bot{PLAIN}/getMe"
    made.parts = {"header": TOKEN}
    made.count = 7
    with CallInProgress("login", {"password": "hunter22"}):
        assert MaskingFilter(MASKER).filter(made)
    line = formatter.format(made)
    assert f"got {MASK}" in line
    assert "test_masking.py" in line
    for secret in (PLAIN, TOKEN, repr(TOKEN)[1:-1], "hunter22"):
        assert secret not in line


def test_a_log_call_that_does_not_fit_its_arguments_prints_none_of_them() -> None:
    made = logging.LogRecord("x", logging.ERROR, __file__, 1, "%d", (PLAIN,), None)
    assert MaskingFilter(MASKER).filter(made)
    assert "can't be made" in made.getMessage()


def test_every_secret_of_a_configuration_is_known() -> None:
    config = config_from_dict(
        {
            "agent": {"token": PLAIN},
            "principals": [{"name": "owner", "role": "approver", "token": "owner-token-0123"}],
        }
    )
    masker = Masker(config.secrets)
    assert masker.text(f"{PLAIN} owner-token-0123") == f"{MASK} {MASK}"


def test_a_log_line_names_the_tool_and_what_the_call_shows_whatever_its_secrets_are() -> None:
    args = {"code": "unlock", "pin": "front", "password": "door", "key": 1, "door": "front"}
    with CallInProgress("unlock", args):
        assert MASKER.text("unlock: the front door jams") == "unlock: the front door jams"
    with CallInProgress("unlock", {"code": "jams", "door": "front"}):
        assert MASKER.text("unlock: the front door jams") == f"unlock: the front door {MASK}"


SEAL = Seal(bytes(range(32)))
ASKED = AuditEntry(event="request.asked", rid="r1", tool="unlock", decision="ask", digest="d1")


def audited(args: Any, **changes: Any) -> AuditEntry:
    raw = msgspec.Raw(msgspec.json.encode(args, order="sorted"))
    (entry,) = MASKER.entries([msgspec.structs.replace(ASKED, args=raw, **changes)], SEAL)
    return entry


def test_a_record_shows_what_equals_a_secret_of_the_same_call_and_says_so() -> None:
    shown = MASKER.record(record({"code": "front", "door": "front"}, warning="it may have run"))
    assert msgspec.json.decode(shown.args) == {"code": MASK, "door": "front"}
    assert shown.signature == f"unlock({MASK}, front)"
    assert shown.warning == ("it may have run; the hidden 'code' repeats what stands in 'door'")


def test_the_audit_keeps_a_keyed_digest_of_the_request_and_of_each_masked_value() -> None:
    entry = audited({"code": "front", "door": "front", "note": PLAIN})
    assert msgspec.json.decode(entry.args or b"") == {"code": MASK, "door": "front", "note": MASK}
    assert entry.digest == SEAL.of_request("r1", "d1")
    assert entry.masked == {
        "/code": SEAL.of_value("r1", "/code", b'"front"'),
        "/note": SEAL.of_value("r1", "/note", f'"{PLAIN}"'.encode()),
    }
    shown = MASKER.record(record({"code": "front", "door": "front", "note": PLAIN}))
    assert entry.warning == shown.warning != ""


def test_a_doubt_hides_what_the_arguments_hide() -> None:
    doubt = f"what area {PLAIN} holds, and 4711, is not known"
    args = {"area_id": PLAIN, "pin": "4711"}
    assert MASKER.record(record(args, doubt=doubt)).doubt == (
        f"what area {MASK} holds, and {MASK}, is not known"
    )
    assert audited(args, doubt=doubt).doubt == f"what area {MASK} holds, and {MASK}, is not known"
    assert audited({"door": "front"}, doubt=f"about {PLAIN}").doubt == f"about {MASK}"


def test_an_entry_that_hides_nothing_keeps_its_digest_as_it_is() -> None:
    assert audited({"door": "front"}).digest == "d1"
    assert audited({"door": "a \\ b"}, client_id=PLAIN).digest == "d1"


def test_what_nobody_was_asked_about_has_no_warning() -> None:
    assert audited({"code": "front", "door": "front"}, decision="allow").warning == ""


def test_a_grant_says_what_is_hidden_in_it() -> None:
    given = grant_of(
        record({"code": "front", "door": "front"}), GrantTerms(uses=2), "ann", "http", 1.0
    )
    shown, words = MASKER.grant(given)
    assert msgspec.json.decode(shown.args) == {"code": MASK, "door": "front"}
    assert f'unlock with code="{MASK}", door=front, until' in words
    assert words.endswith("; the hidden 'code' repeats what stands in 'door'")
    plain = grant_of(record({"door": "front"}), GrantTerms(uses=2), "ann", "http", 1.0)
    assert MASKER.grant(plain) == (plain, words_of(plain))


@tool(effects="read", inline=True)
def repeat(text: str) -> str:
    return f"{text} {PLAIN}"


@tool(effects="read", inline=True)
def refuse(text: str) -> str:
    raise ValueError(f"{text} {PLAIN}")


@pytest.mark.parametrize("function", [repeat, refuse])
def test_no_mask_tells_a_guesser_which_guess_is_right(function: Any) -> None:
    pins = Masker([Secret("4711"), Secret("47110815"), Secret(PLAIN)])
    made = tool_of(function)
    assert made is not None
    guesses = " ".join(f"{number:04}" for number in range(4_700, 4_720)) + " 47110815"
    outcome = Runner(masker=pins).run_inline(made, {"text": guesses})
    assert f"{guesses} {MASK}" in f"{outcome.message}{bytes(outcome.data).decode()}"


def test_what_a_tool_adds_is_hidden_and_so_is_what_nobody_guesses() -> None:
    masker = Masker([Secret("horse stable"), Secret("a1b"), Secret(PLAIN)])
    sent = {"text": "a1b", base64.b64encode(b"horse stable").decode(): PLAIN}
    with CallInProgress("echo", sent):
        assert masker.told("a1b horse stable") == "a1b horse stable"
        assert masker.told(PLAIN) == MASK
        assert masker.text("a1b horse stable") == f"{MASK} {MASK}", "a log is for others"
        data = msgspec.json.encode({"horse stable": ["a1b", PLAIN]})
        assert msgspec.json.decode(masker.result(data)) == {"horse stable": ["a1b", MASK]}
    with CallInProgress("echo", {"text": "other"}):
        assert masker.told("a1b horse stable") == f"{MASK} {MASK}"


def test_whoever_asked_finds_no_configured_secret_by_looking_at_their_requests() -> None:
    args = {"text": f"a1b {PLAIN}", "pin": "4711"}
    outcome = executed(msgspec.json.encode(f"a1b {PLAIN} 4711"))
    asked = record(args, client_id=PLAIN, request_id="a1b", outcome=outcome)
    own, others = MASKER.record(asked, to_asker=True), MASKER.record(asked)
    assert msgspec.json.decode(own.args) == {"text": f"a1b {MASK}", "pin": MASK}
    assert own.signature == f"unlock({MASK}, a1b {MASK})"
    assert (own.client_id, own.request_id) == (MASK, "a1b")
    assert own.outcome is not None
    assert msgspec.json.decode(own.outcome.data) == f"a1b {MASK} {MASK}"
    assert PLAIN not in repr(others) + repr(own)
    assert "a1b" not in repr(others)
