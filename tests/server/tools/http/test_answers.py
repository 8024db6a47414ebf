"""What becomes of answers that can't be passed on: a read has failed, a write was done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.tools.helpers import outcome_of
from tests.server.tools.http.helpers import made
from tests.standins import http_api as standin
from tests.standins.http_api import http_api, raw, says

from agentgate_proto.records.outcome import Outcome, Status
from agentgate_server.tools.runner import Runner

pytestmark = pytest.mark.anyio

JSON = "application/json"
DONE = "it was done, only its answer can't be shown: "
EXECUTED, FAILED, UNKNOWN = Status.EXECUTED, Status.FAILED, Status.UNKNOWN


async def ended(
    folder: Path, runner: Runner, behaviour: standin.Behaviour, tool: dict[str, Any]
) -> Outcome:
    """Run a tool against an API that does one thing; it must be asked once."""
    async with http_api({"/": behaviour}) as api:
        ask = made(folder, tool, url=api.url)
        outcome = await outcome_of(runner, ask)
        await ask.aclose()
    assert len(api.arrivals) == 1
    return outcome


def declared(method: str, response: dict[str, Any]) -> dict[str, Any]:
    effects = "read" if method == "GET" else "write"
    return {"effects": effects, "request": {"method": method, "path": "/"}, "response": response}


KOELN = '{"name":"Köln"}'.encode("iso-8859-1")
MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        (says(200, MARK + b'{"id":1}', Content_Type=JSON), {"id": 1}),
        (says(201, KOELN, Content_Type=f"{JSON}; charset=iso-8859-1"), {"name": "Köln"}),
        (says(200, b"", Content_Type=JSON, Content_Encoding="gzip"), None),
        (says(200, b"1", Content_Type=JSON, Content_Encoding="identity, identity"), 1),
        (raw(b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"), None),
        (raw(b"HTTP/1.1 204 No Content\r\nContent-Type: image/png\r\n\r\n"), None),
    ],
)
async def test_what_can_be_read_is_read(
    tmp_path: Path, runner: Runner, answer: standin.Behaviour, data: Any
) -> None:
    for method in ("POST", "GET"):
        outcome = await ended(tmp_path, runner, answer, declared(method, {}))
        assert outcome.status is EXECUTED, outcome.message
        assert msgspec.json.decode(outcome.data) == data


GZIP = says(200, b"\x1f\x8b", Content_Encoding="gzip")
LARGE = says(200, b"x" * 1_001)
BROKEN = says(201, b'{"id":', Content_Type=JSON)
PICTURE = says(200, b"GIF89a", Content_Type="image/gif")
EMPTY = raw(b"HTTP/1.1 204 No Content\r\n\r\n")
NESTED = says(200, b"[" * 900, Content_Type=JSON)
SMALL = {"bytes_max": 1_000}
SIGN = {"error_if": [{"path": "error"}]}
OTHER = {"error_if": [{"path": "error", "status": [202]}]}
SAID = {"error_if": [{"status": [200]}]}


@pytest.mark.parametrize(
    ("answer", "response", "status", "said"),
    [
        (GZIP, {}, EXECUTED, "api answered 200, but compressed (gzip) although it was asked not"),
        (LARGE, SMALL, EXECUTED, "api answered 200, but with more than 1,000 bytes; the rest"),
        (BROKEN, {}, EXECUTED, 'api answered 201, but not with JSON: {"id":'),
        (NESTED, {}, EXECUTED, "api answered 200, but not with JSON: [[[[["),
        (PICTURE, {}, EXECUTED, "api answered 200, but with image/gif, which can't be passed on"),
        (EMPTY, {"take": "order.id"}, EXECUTED, "api answered 204, but without 'order.id'"),
        (says(200, {"a": 1}), {"take": "b"}, EXECUTED, "answered 200, but without 'b': {\"a\":1}"),
        (says(404, b"{", Content_Type=JSON), {"ok_status": [404]}, EXECUTED, "answered 404, but"),
        # where a body may say that it failed, one that can't be read leaves it open
        (GZIP, SIGN, UNKNOWN, "compressed (gzip) although it was asked not to; so nobody can see"),
        (LARGE, {**SMALL, **SIGN}, UNKNOWN, "1,000 bytes; the rest was not read; so nobody can"),
        (BROKEN, SIGN, UNKNOWN, 'not with JSON: {"id":; so nobody can see whether it has a sign'),
        (PICTURE, SIGN, UNKNOWN, "so nobody can see whether it has a sign of failure"),
        (GZIP, OTHER, EXECUTED, "api answered 200, but compressed (gzip)"),
        (EMPTY, {**SIGN, "take": "order.id"}, EXECUTED, "api answered 204, but without 'order.id"),
        (says(200, {"a": 1}), {**SIGN, "take": "b"}, EXECUTED, "but without 'b'"),
        (GZIP, SAID, FAILED, "api answered 200 OK"),
        # a status that says more than the body could
        (says(500, b"\x1f", Content_Encoding="gzip"), {}, FAILED, "api answered 500 Internal"),
        (says(502, b"\x1f", Content_Encoding="gzip"), {}, UNKNOWN, "api answered 502 Bad Gateway"),
        (says(504, b"x" * 1_001), SMALL, UNKNOWN, "api answered 504 Gateway Timeout: xxx"),
        (standin.breaks_off, {}, UNKNOWN, "api answered 200, but the answer broke off"),
    ],
)
async def test_a_write_that_was_answered_well_has_not_failed(
    tmp_path: Path,
    runner: Runner,
    answer: standin.Behaviour,
    response: dict[str, Any],
    status: Status,
    said: str,
) -> None:
    outcome = await ended(tmp_path, runner, answer, declared("POST", response))
    assert outcome.status is status
    if status is EXECUTED:
        found = msgspec.json.decode(outcome.data)
        assert found["note"].startswith(DONE)
        assert said in found["note"]
        assert f"answered {found['status']}, but" in found["note"]
        assert set(found) == {"status", "note"}
    else:
        assert said in outcome.message
    read = await ended(tmp_path, runner, answer, declared("GET", response))
    assert read.status is FAILED
    assert DONE not in read.message
    assert "nobody can see" not in read.message
    if status is EXECUTED:
        assert said in read.message


async def test_a_write_by_get_or_head_is_a_write(tmp_path: Path, runner: Runner) -> None:
    toggle = {"request": {"path": "/"}}
    outcome = await ended(tmp_path, runner, BROKEN, toggle)
    assert outcome.status is EXECUTED
    assert msgspec.json.decode(outcome.data)["status"] == 201
    knock = {"request": {"method": "HEAD", "path": "/"}}
    answer = raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n")
    outcome = await ended(tmp_path, runner, answer, knock)
    assert outcome.status is EXECUTED
    assert msgspec.json.decode(outcome.data) == {"status": 200}
