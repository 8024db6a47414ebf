"""The methods of silence: what they take."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.rpc.mute_methods import MUTE_MINUTES_MAX, MuteAgent


def test_an_hour_unless_something_else_is_said() -> None:
    assert msgspec.convert({"agent": "evil"}, MuteAgent).minutes == 60.0


@pytest.mark.parametrize(
    "given",
    [{}, {"minutes": -1}, {"minutes": MUTE_MINUTES_MAX + 1}, {"agent": "x" * (NAME_CHARS_MAX + 1)}],
)
def test_what_is_no_time_or_no_name_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"minutes": 1, **given}, MuteAgent)
