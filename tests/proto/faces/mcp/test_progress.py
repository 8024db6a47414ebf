"""Progress: it always increases, whoever tells of it, and nobody is flooded with it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.faces.mcp.progress import BURST, EACH_S, Pace, Progress


def params_of(message: bytes | None) -> dict[str, Any]:
    assert message is not None
    told = json.loads(message)
    assert (told["jsonrpc"], told["method"]) == ("2.0", "notifications/progress")
    params: dict[str, Any] = told["params"]
    return params


def test_what_a_tool_says_goes_out_as_it_is_under_the_token_of_the_client() -> None:
    progress = Progress("mine")
    said = msgspec.Raw(b'{"progressToken":"theirs","progress":0,"total":100,"message":"half"}')
    assert params_of(progress.of_tool(said)) == {
        "progressToken": "mine",
        "progress": 0.0,
        "total": 100.0,
        "message": "half",
    }
    again = params_of(progress.of_tool(msgspec.Raw(b'{"progress":50}')))
    assert again == {"progressToken": "mine", "progress": 50.0}


def test_what_is_no_progress_is_not_told() -> None:
    assert Progress(1).of_tool(msgspec.Raw(b'{"progress":"much"}')) is None
    assert Progress(1).of_tool(msgspec.Raw(b"{")) is None


@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=32)),
        min_size=1,
    )
)
@quick
def test_numbers_increase_whoever_tells(said: list[float | None]) -> None:
    progress = Progress(7)
    numbers = []
    for value in said:
        if value is None:
            message: bytes | None = progress.ours("waiting")
        else:
            message = progress.of_tool(msgspec.Raw(json.dumps({"progress": value}).encode()))
        numbers.append(params_of(message)["progress"])
    assert numbers == sorted(set(numbers))


def test_ours_leave_room_for_what_the_tool_counts() -> None:
    progress = Progress(7)
    for _ in range(100):
        progress.ours("waiting")
    assert params_of(progress.of_tool(msgspec.Raw(b'{"progress":1}')))["progress"] == 1.0


def test_a_burst_is_taken_and_then_so_many_a_second() -> None:
    pace = Pace()
    taken = sum(pace.takes(1_000.0) for _ in range(1_000))
    assert taken == BURST + 1
    assert not pace.takes(1_000.0 + EACH_S / 2)
    assert pace.takes(1_000.0 + EACH_S)
    assert not pace.takes(1_000.0 + EACH_S)
    assert pace.takes(5_000.0)
