"""JSON-RPC 2.0: text to typed messages and back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick
from tests.vectors.jsonrpc import NO_JSON, NO_MESSAGE, SECTION_7, call

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.rpc import jsonrpc
from agentgate_proto.rpc.jsonrpc import (
    HALF_PAIRS_CHARS_MAX,
    Batch,
    Failure,
    Invalid,
    Message,
    Notification,
    Request,
    RequestId,
    Success,
    decode,
    encode_batch,
    encode_failure,
    encode_notification,
    encode_request,
    encode_success,
)

BATCH_MAX = 100


def read(text: str) -> Message | Batch:
    return decode(text, batch_items_max=BATCH_MAX)


def with_id(id_text: str) -> Message | Batch:
    return read(f'{{"jsonrpc":"2.0","method":"m","id":{id_text}}}')


def refusal(text: str) -> tuple[ErrorCode, str]:
    message = read(text)
    assert isinstance(message, Invalid), message
    return message.code, message.detail


# The examples of the specification


def subtract(params: Any) -> int:
    if isinstance(params, list):
        return params[0] - params[1]
    return params["minuend"] - params["subtrahend"]


SPEC_METHODS = {
    "subtract": subtract,
    "sum": sum,
    "get_data": lambda params: ["hello", 5],
    "update": lambda params: None,
    "notify_hello": lambda params: None,
    "notify_sum": lambda params: None,
}


def answer(message: Message) -> bytes | None:
    """Answer one message as the servers of section 7 do."""
    match message:
        case Request(request_id, method, params):
            if method not in SPEC_METHODS:
                return encode_failure(request_id, ErrorCode.METHOD_NOT_FOUND)
            given_params = msgspec.json.decode(params) if bytes(params) else None
            return encode_success(request_id, SPEC_METHODS[method](given_params))
        case Invalid(code):
            return encode_failure(None, code)
        case _:
            return None


def serve(text: str) -> str:
    """Answer one text; "" for none."""
    decoded = read(text)
    if isinstance(decoded, Batch):
        frames = [frame for message in decoded.messages if (frame := answer(message)) is not None]
        return encode_batch(frames).decode() if frames else ""
    return (answer(decoded) or b"").decode()


@pytest.mark.parametrize("example", SECTION_7)
def test_the_examples_of_the_specification_are_answered_as_it_says(example: str) -> None:
    text, expected = SECTION_7[example]
    answered = serve(text)
    assert (json.loads(answered) if answered else "") == (json.loads(expected) if expected else "")


# Ids


@pytest.mark.parametrize(
    ("id_text", "expected"),
    [
        ("7", 7),
        ('"7"', "7"),
        ("0", 0),
        ("-1", -1),
        ("null", None),
        ('""', ""),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        (f'"{"x" * 256}"', "x" * 256),
        ('"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
    ],
)
def test_strings_integers_and_null_are_ids(id_text: str, expected: RequestId) -> None:
    message = with_id(id_text)
    assert isinstance(message, Request)
    assert message.id == expected
    assert type(message.id) is type(expected)


@pytest.mark.parametrize(
    "id_text",
    [
        "true",
        "false",
        "1.5",
        "1e300",
        "9007199254740992.0",
        "{}",
        "[]",
        "[1]",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1" * 400,
        f'"{"x" * 257}"',
    ],
)
def test_what_is_no_id_makes_the_request_invalid(id_text: str) -> None:
    message = with_id(id_text)
    assert isinstance(message, Invalid)
    assert message.code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(("id_text", "expected"), [("1.0", 1), ("-7.0", -7), ("1e3", 1_000)])
def test_a_whole_number_is_an_id_however_it_is_written(id_text: str, expected: int) -> None:
    for message in (with_id(id_text), *batch_with_id(id_text)):
        assert isinstance(message, Request)
        assert message.id == expected
        assert type(message.id) is int


def batch_with_id(id_text: str) -> list[Message]:
    batch = read(f'[{{"jsonrpc":"2.0","method":"m","id":{id_text}}}]')
    assert isinstance(batch, Batch)
    return batch.messages


def test_a_message_that_is_wrong_besides_is_told_so() -> None:
    assert "method" in refusal('{"jsonrpc":"2.0","method":1,"id":1.0}')[1]
    assert "2.0" in refusal('{"method":"m","id":1.0}')[1]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read('\ufeff{"jsonrpc":"2.0","method":"m","id":1}') == with_id("1")
    assert refusal("\ufeff{")[0] is ErrorCode.PARSE_ERROR


def test_a_number_and_its_spelling_are_different_ids() -> None:
    number, text = with_id("7"), with_id('"7"')
    assert isinstance(number, Request)
    assert isinstance(text, Request)
    assert len({number.id, text.id}) == 2


def test_the_last_of_repeated_members_counts() -> None:
    message = read('{"jsonrpc":"2.0","method":"m","id":1,"id":2}')
    assert isinstance(message, Request)
    assert message.id == 2


# Kinds of messages


@pytest.mark.parametrize("params", ["{}", "[]", '{"a":[1,{"b":null}]}', "[1, 2]"])
def test_parameters_stay_as_they_were_written(params: str) -> None:
    assert read(call(f'"params":{params}')) == Request(1, "m", msgspec.Raw(params.encode()))


def test_a_call_without_parameters_has_none() -> None:
    message = read(call(""))
    assert isinstance(message, Request)
    assert bytes(message.params) == b""


def test_a_call_without_an_id_is_a_notification() -> None:
    text = '{"jsonrpc":"2.0","method":"m","params":{"a":1}}'
    assert read(text) == Notification("m", msgspec.Raw(b'{"a":1}'))


def test_an_answer_with_a_result_is_a_success() -> None:
    text = '{"jsonrpc":"2.0","result":{"status":"executed"},"id":"a"}'
    assert read(text) == Success("a", msgspec.Raw(b'{"status":"executed"}'))


def test_a_result_may_be_null_and_the_other_member_too() -> None:
    text = '{"jsonrpc":"2.0","result":null,"error":null,"id":1}'
    assert read(text) == Success(1, msgspec.Raw(b"null"))


def test_an_answer_with_an_error_is_a_failure() -> None:
    text = '{"jsonrpc":"2.0","error":{"code":-32003,"message":"no","data":{"a":1}},"id":1}'
    message = read(text)
    assert isinstance(message, Failure)
    assert (message.id, message.error.code, message.error.message) == (1, -32003, "no")
    assert message.error.data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "detail"),
    NO_MESSAGE,
)
def test_json_that_is_no_message_is_an_invalid_request_that_says_why(
    text: str, detail: str
) -> None:
    code, said = refusal(text)
    assert code is ErrorCode.INVALID_REQUEST
    assert detail in said


@pytest.mark.parametrize(
    "text",
    NO_JSON,
    ids=lambda text: text[:24].encode("ascii", "backslashreplace").decode(),
)
def test_text_that_is_not_json_or_far_beyond_it_is_a_parse_error(text: str) -> None:
    code, detail = refusal(text)
    assert code is ErrorCode.PARSE_ERROR
    assert detail
    detail.encode()


def test_nesting_beyond_the_interpreters_stack_is_said_in_plain_words() -> None:
    assert refusal("[" * 100_000)[1] == "nested too deeply"


# Batches


def test_each_element_of_a_batch_is_judged_on_its_own() -> None:
    deep = '{"jsonrpc":"2.0","method":"m","id":1,"x":' + "[" * 300 + "]" * 300 + "}"
    batch = read(f'[{call("")},7,[],{{}},{{"jsonrpc":"2.0","method":"n"}},{deep}]')
    assert isinstance(batch, Batch)
    kinds = [type(message) for message in batch.messages]
    assert kinds == [Request, Invalid, Invalid, Invalid, Notification, Request]


def test_a_batch_may_stand_between_blanks() -> None:
    assert isinstance(read(f" \t\r\n[{call('')}]\n"), Batch)


def test_a_batch_may_be_as_long_as_its_limit_and_no_longer() -> None:
    longest = read("[" + ",".join([call("")] * BATCH_MAX) + "]")
    assert isinstance(longest, Batch)
    assert len(longest.messages) == BATCH_MAX
    code, detail = refusal("[" + ",".join([call("")] * (BATCH_MAX + 1)) + "]")
    assert code is ErrorCode.INVALID_REQUEST
    assert detail == "a batch of more than 100"


def test_an_element_beyond_the_decoder_spoils_only_itself() -> None:
    huge = '{"jsonrpc":"2.0","method":"m","id":' + "1" * 5_000 + "}"
    batch = read(f"[{huge},{call('')}]")
    assert isinstance(batch, Batch)
    assert [type(message) for message in batch.messages] == [Invalid, Request]


# Whatever comes

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
MEMBERS = st.dictionaries(
    st.sampled_from(["jsonrpc", "method", "params", "id", "result", "error", "x"]),
    st.just("2.0") | JSON,
)


@given(text=st.text(alphabet=st.characters(exclude_categories=())))
@quick
def test_no_text_raises(text: str) -> None:
    assert isinstance(read(text), Message | Batch)


@given(data=st.binary())
@quick
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(read(data.decode("utf-8", "surrogateescape")), Message | Batch)


@given(value=JSON | MEMBERS | st.lists(MEMBERS))
@quick
def test_no_json_raises_and_it_is_never_a_parse_error(value: object) -> None:
    decoded = read(json.dumps(value, ensure_ascii=False))
    messages = decoded.messages if isinstance(decoded, Batch) else [decoded]
    for message in messages:
        if isinstance(message, Invalid):
            assert message.code is ErrorCode.INVALID_REQUEST


@given(members=MEMBERS, cut=st.integers(0, 80))
@quick
def test_a_message_that_was_cut_short_is_a_parse_error(
    members: dict[str, object], cut: int
) -> None:
    text = json.dumps(members)
    if cut < len(text):
        assert refusal(text[:cut])[0] is ErrorCode.PARSE_ERROR


# Round trips

IDS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=256)
STRUCTURES = st.dictionaries(st.text(), st.integers() | st.text()) | st.lists(st.booleans())


@given(request_id=IDS, method=st.text(), params=STRUCTURES)
@quick
def test_requests_come_back_as_they_were_sent(
    request_id: RequestId, method: str, params: Any
) -> None:
    message = read(encode_request(request_id, method, params).decode())
    assert isinstance(message, Request)
    assert (message.id, message.method) == (request_id, method)
    assert msgspec.json.decode(message.params) == params


@given(method=st.text(), params=STRUCTURES)
@quick
def test_notifications_come_back_as_they_were_sent(method: str, params: Any) -> None:
    message = read(encode_notification(method, params).decode())
    assert isinstance(message, Notification)
    assert message.method == method
    assert msgspec.json.decode(message.params) == params


@given(request_id=IDS, result=JSON)
@quick
def test_results_come_back_as_they_were_sent(request_id: RequestId, result: Any) -> None:
    message = read(encode_success(request_id, result).decode())
    assert isinstance(message, Success)
    assert message.id == request_id
    assert msgspec.json.decode(message.result) == result


@given(request_id=IDS, code=st.integers(-(2**31), 2**31), text=st.text(min_size=1), data=JSON)
@quick
def test_errors_come_back_as_they_were_sent(
    request_id: RequestId, code: int, text: str, data: Any
) -> None:
    message = read(encode_failure(request_id, code, text, data).decode())
    assert isinstance(message, Failure)
    assert message.id == request_id
    assert (message.error.code, message.error.message) == (code, text)
    assert message.error.data == data


@given(ids=st.lists(IDS, min_size=1, max_size=BATCH_MAX))
@quick
def test_batches_of_answers_come_back_as_they_were_sent(ids: list[RequestId]) -> None:
    batch = read(encode_batch([encode_success(request_id, 1) for request_id in ids]).decode())
    assert batch == Batch([Success(request_id, msgspec.Raw(b"1")) for request_id in ids])


@pytest.mark.seed001("FR1-AC1")
def test_the_auth_request_is_written_as_seed_001_writes_it() -> None:
    expected = '{"jsonrpc":"2.0","method":"auth","params":{"token":"..."},"id":"auth-1"}'
    assert encode_request("auth-1", "auth", {"token": "..."}).decode() == expected


def test_an_error_without_a_text_takes_the_one_of_its_code() -> None:
    text = encode_failure(1, ErrorCode.DENIED_BY_POLICY).decode()
    assert ERRORS[ErrorCode.DENIED_BY_POLICY].message in text
    assert '"message":"Error"' in encode_failure(1, 4711).decode()


def test_an_error_without_data_has_no_such_member() -> None:
    assert "data" not in json.loads(encode_failure(1, ErrorCode.TOOL_FAILED, "x"))["error"]


def test_raw_results_pass_through_untouched() -> None:
    raw = msgspec.Raw(b'{"b": 1,  "a":2}')
    assert encode_success(1, raw) == b'{"jsonrpc":"2.0","result":{"b": 1,  "a":2},"id":1}'
    assert bytes(jsonrpc.NULL) == b"null"


HALF = "\\ud83d"
PAIR = "\\ud83d\\ude00"


def call_with(text: str, request_id: str = "7") -> str:
    return f'{{"jsonrpc":"2.0","method":"x","params":{{"a":"{text}"}},"id":{request_id}}}'


@pytest.mark.parametrize(
    "text",
    [HALF, f"a{HALF}b", "\\uDE00", f"{PAIR}{HALF}", f"{HALF}{PAIR}", f"\\\\\\n{HALF}", HALF * 2],
)
def test_half_a_surrogate_pair_is_told_to_the_request_that_has_it(text: str) -> None:
    for request_id, found in (("7", 7), ('"seven"', "seven")):
        message = read(call_with(text, request_id))
        assert isinstance(message, Invalid)
        assert (message.code, message.id) == (ErrorCode.PARSE_ERROR, found)
    batch = read(f"[{call_with(text)}]")  # which of them it was, nobody says
    assert isinstance(batch, Invalid)
    assert (batch.code, batch.id) == (ErrorCode.PARSE_ERROR, None)


@pytest.mark.parametrize(
    "text",
    [
        call_with(HALF)[:-1],
        call_with(HALF, "true"),
        call_with(HALF, "1.5"),
        call_with(HALF, '"' + "x" * 300 + '"'),
        call_with(HALF).replace('"x"', "1"),
        call_with(HALF).replace('"id":7', '"x":7'),
        call_with(HALF + " " * HALF_PAIRS_CHARS_MAX),
    ],
)
def test_where_the_id_is_not_sure_it_is_null(text: str) -> None:
    message = read(text)
    assert isinstance(message, Invalid)
    assert message.id is None


def test_pairs_and_what_only_looks_like_half_of_one_are_read_as_ever() -> None:
    for text in (PAIR, "\\\\ud83d"):
        assert isinstance(read(call_with(text)), Request)
