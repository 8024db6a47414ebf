"""A write goes out once, whatever comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.tools.helpers import outcome_of
from tests.server.tools.http.helpers import GET, POST, data, joined, made
from tests.standins import http_api as standin
from tests.standins.http_api import http_api, says

from agentgate_proto.records.outcome import Status
from agentgate_server.tools.runner import Runner

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "behaviour",
    [
        standin.drops,
        standin.breaks_off,
        standin.babbles,
        says(302, Location="/"),
        says(303, Location="/"),
        says(502),
        says(504),
        says(520),
        says(524),
    ],
)
async def test_a_write_whose_answer_is_lost_is_unknown_and_not_sent_again(
    tmp_path: Path, runner: Runner, behaviour: standin.Behaviour
) -> None:
    for tool, status in ((POST, Status.UNKNOWN), (GET, Status.FAILED)):
        async with joined(tmp_path, behaviour, tool) as (api, ask):
            outcome = await outcome_of(runner, ask)
        assert outcome.status is status
        assert len(api.arrivals) == 1


@pytest.mark.parametrize("redirecting", ["same_origin", "any"])
async def test_a_write_by_get_is_sent_once_where_redirects_are_followed(
    tmp_path: Path, runner: Runner, redirecting: str
) -> None:
    toggle = {"request": {"path": "/relay/0", "query": {"turn": "toggle"}}}
    for tool, seen, status in (
        (toggle, ["/relay/0"], Status.UNKNOWN),
        ({**toggle, "effects": "read"}, ["/relay/0", "/relay/0/"], Status.EXECUTED),
    ):
        routes = {
            "/relay/0": standin.redirects("/relay/0/?turn=toggle"),
            "/relay/0/": says(200, {"ison": True}),
        }
        async with http_api(routes) as api:
            ask = made(tmp_path, tool, url=api.url, redirects=redirecting)
            outcome = await outcome_of(runner, ask)
            await ask.aclose()
        assert outcome.status is status
        assert [arrival.path for arrival in api.arrivals] == seen


async def test_a_read_whose_answer_leaves_a_write_open_has_failed_and_is_no_defect(
    tmp_path: Path, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    for status in (202, 302, 502):
        tool = {**GET, "response": {"unknown_status": [202, 302, 502]}}
        async with joined(tmp_path, says(status), tool) as (_, ask):
            outcome = await outcome_of(runner, ask)
        assert outcome.status is Status.FAILED
        assert outcome.message.startswith(f"api answered {status} ")
    assert caplog.records == []


async def test_a_redirect_that_is_declared_good_is_no_doubt(tmp_path: Path, runner: Runner) -> None:
    tool = {**POST, "response": {"ok_status": [303]}}
    async with joined(tmp_path, says(303, Location="/done"), tool) as (api, ask):
        assert data(await outcome_of(runner, ask)) is None
    assert len(api.arrivals) == 1


async def test_a_write_that_runs_out_of_time_is_unknown(tmp_path: Path, runner: Runner) -> None:
    async with joined(tmp_path, standin.hangs, {**POST, "timeout_s": 0.3}) as (api, ask):
        outcome = await outcome_of(runner, ask)
    assert outcome.status is Status.UNKNOWN
    assert "a request was sent to api, but no answer came" in outcome.message
    assert len(api.arrivals) == 1


async def test_a_write_that_was_not_sent_has_failed(tmp_path: Path, runner: Runner) -> None:
    ask = made(tmp_path, POST)
    outcome = await outcome_of(runner, ask)
    assert outcome.status is Status.FAILED
    assert outcome.message == (
        "it was not started: api could not be reached: the connection was refused; nothing was sent"
    )
