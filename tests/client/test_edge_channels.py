"""A device's data: each channel for itself, in time, and not too long."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from agentgate_client.edge.channels import (
    CHANNELS_MAX,
    THREADS,
    Channel,
    ChannelError,
    Channels,
)

pytestmark = pytest.mark.anyio


async def hall() -> dict[str, Any]:
    return {"celsius": 21.5}


def channels(**sources: Any) -> Channels:
    made = Channels()
    for name, source in sources.items():
        made.add(name, source if isinstance(source, Channel) else Channel(source=source))
    return made


async def test_all_are_read_or_those_that_are_wanted() -> None:
    made = channels(hall=hall, door=lambda: "shut")
    assert made.names == ["hall", "door"]
    found = await made.snapshot()
    assert list(found) == ["hall", "door"]
    assert bytes(found["door"]["data"]) == b'"shut"'
    assert set(found["hall"]) == {"channel", "timestamp", "data"}
    assert list(await made.snapshot(["door", "door"])) == ["door"]


async def test_one_that_fails_says_why_and_spoils_no_other() -> None:
    gate = threading.Event()

    def refuse() -> None:
        raise ChannelError("the sensor is gone")

    made = channels(
        hall=hall,
        raises=lambda: 1 / 0,
        refuses=refuse,
        slow=Channel(source=anyio.sleep_forever, timeout_s=0.01),
        stuck=Channel(source=gate.wait, timeout_s=0.01),
        odd=object,
        long=Channel(source=lambda: "x" * 100, bytes_max=50),
    )
    found = await made.snapshot([*made.names, "other"])
    gate.set()
    errors = {name: row.get("error") for name, row in found.items()}
    assert errors["hall"] is None
    assert errors["raises"] == "ZeroDivisionError: division by zero"
    assert errors["refuses"] == "the sensor is gone"
    assert errors["slow"] == errors["stuck"] == "no data within 0.01 s"
    assert "object" in str(errors["odd"])
    assert errors["long"] == "the data have 102 bytes; at most 50 are told"
    assert str(errors["other"]).startswith("no such channel; there are: hall, raises")


async def test_threads_that_hang_hold_up_no_other_part() -> None:
    gate = threading.Event()
    made = channels(stuck=Channel(source=gate.wait, timeout_s=0.01), hall=hall)
    for _ in range(THREADS + 2):
        assert "error" in (await made.snapshot(["stuck"]))["stuck"]
    assert "data" in (await made.snapshot(["hall"]))["hall"]
    assert await anyio.to_thread.run_sync(lambda: 1) == 1
    gate.set()


async def test_what_has_no_room_in_one_snapshot_is_left_out() -> None:
    made = channels(**{f"c{number}": lambda: "x" * 250_000 for number in range(4)})
    found = await made.snapshot()
    assert ["error" in row for row in found.values()] == [False, False, False, True]


async def test_there_is_an_end_to_channels() -> None:
    made = channels(**{f"c{number}": hall for number in range(CHANNELS_MAX)})
    made.add("c0", Channel(source=hall))
    with pytest.raises(ValueError, match="256 channels already"):
        made.add("more", Channel(source=hall))
