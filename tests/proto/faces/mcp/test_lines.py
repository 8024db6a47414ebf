"""Messages over stdio."""

import json

import pytest

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.lines import SURROGATES_MAX, LineReader, line, read
from agentgate_proto.rpc.jsonrpc import Batch, Invalid, Notification, Request, Success

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
DONE = b'{"jsonrpc":"2.0","id":"a","result":{"text":"\xc3\xa9"}}\r\n'
TOLD = b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'


def test_a_message_is_one_line() -> None:
    assert line(b'{"a":1}') == b'{"a":1}\n'
    assert line(b'{\n"a":\r\n"b\\n"}') == b'{ "a":  "b\\n"}\n'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_messages_are_whole_in_whatever_pieces_they_come(size: int) -> None:
    reader = LineReader()
    stream = PING + DONE + b"\n" + TOLD
    found = []
    for start in range(0, len(stream), size):
        found += reader.receive_data(stream[start : start + size])
    assert [type(each) for each in found] == [Request, Success, Notification]
    assert isinstance(found[1], Success)
    assert json.loads(bytes(found[1].result)) == {"text": "é"}
    assert reader.skipped == 0
    assert reader.receive_eof() == []


def test_the_last_line_need_not_end() -> None:
    reader = LineReader()
    assert reader.receive_data(PING.strip()) == []
    assert [type(each) for each in reader.receive_eof()] == [Request]


def test_what_is_no_message_is_skipped_and_counted() -> None:
    reader = LineReader()
    junk = b"Server listening on stdio\n\xff\xfe\n{not json}\n  \n"
    assert [type(each) for each in reader.receive_data(junk + PING)] == [Request]
    assert reader.skipped == 3


def test_json_that_is_no_message_is_shown() -> None:
    reader = LineReader()
    (found,) = reader.receive_data(b'{"jsonrpc":"1.0","id":1,"method":"ping"}\n')
    assert isinstance(found, Invalid)
    assert found.code is ErrorCode.INVALID_REQUEST
    assert reader.skipped == 0


def test_a_batch_is_read_as_one() -> None:
    (found,) = LineReader().receive_data(b"[" + PING.strip() + b"," + TOLD.strip() + b"]\n")
    assert isinstance(found, Batch)
    assert len(found.messages) == 2


def test_a_line_that_is_too_long_is_skipped_and_takes_no_room() -> None:
    reader = LineReader(line_bytes_max=len(PING))
    for _ in range(100):
        assert reader.receive_data(b"x" * 30) == []
    assert [type(each) for each in reader.receive_data(b"\n" + PING)] == [Request]
    assert reader.skipped == 1
    reader.receive_data(b"x" * 200)
    assert reader.receive_eof() == []
    assert reader.skipped == 2


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (r"a\ud83d", "a\ufffd"),
        (r"\uDE00b", "\ufffdb"),
        (r"\ud83d\ud83d\ude00\\", "\ufffd\U0001f600\\"),
        (r"\\ud83d \\\ud83d \u00e9\n", "\\ud83d \\\ufffd \xe9\n"),
    ],
)
def test_half_a_surrogate_pair_costs_no_message(said: str, heard: str) -> None:
    message = read(f'{{"jsonrpc":"2.0","id":1,"result":["{said}",1.0,{{"\\u0061": 2}}]}}'.encode())
    assert isinstance(message, Success)
    assert json.loads(bytes(message.result))[0] == heard
    assert bytes(message.result).endswith(b',1.0,{"\\u0061": 2}]')


def test_only_so_many_are_looked_at() -> None:
    text = r"\ud83d" * (SURROGATES_MAX + 1)
    assert read(f'{{"jsonrpc":"2.0","id":1,"result":"{text}"}}'.encode()) is None


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":7,"result":' + DEEP + b"}",
        b'{"id": 7, "jsonrpc": "2.0", "error": ' + DEEP + b"}",
        b'{"jsonrpc": "2.0", "result": ' + DEEP + b', "id": 7}',
        b'{"result":{"a":' + DEEP + b'},"id":7,"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":7,"result":"\xff"}',
    ],
)
def test_of_an_answer_that_can_not_be_read_the_id_is_told(line: bytes) -> None:
    for size in (1, 3, len(line) + 1) if len(line) < 1_000 else (65_536, len(line) + 1):
        reader = LineReader()
        pieces = [(line + b"\n")[at : at + size] for at in range(0, len(line) + 1, size)]
        assert [message for piece in pieces for message in reader.receive_data(piece)] == []
        assert (reader.unreadable, reader.skipped) == ([7], 1)


def test_an_answer_that_is_too_long_is_known_by_its_beginning() -> None:
    reader = LineReader(line_bytes_max=1_000)
    assert reader.receive_data(b'{"jsonrpc":"2.0","id":12,"result":{"a":"' + b"x" * 2_000) == []
    assert reader.receive_data(b'"}}\n{"jsonrpc":"2.0","id":13,"result":1}\n') != []
    assert reader.unreadable == [12]


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":7,"method":"x","params":' + DEEP + b"}",
        b'{"jsonrpc":"2.0","result":{"a":' + DEEP + b',"id":7}}',
        b'{"jsonrpc":"2.0","id":"7","result":' + DEEP + b"}",
        b"Welcome, 7",
        b'{"id":' + b"7" * 40 + b',"result":' + DEEP + b"}",
    ],
)
def test_what_is_no_answer_has_no_such_id(line: bytes) -> None:
    reader = LineReader()
    assert reader.receive_data(line + b"\n") == []
    assert (reader.unreadable, reader.skipped) == ([], 1)
