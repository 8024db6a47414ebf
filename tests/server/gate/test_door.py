"""The door: closed while any part says why, and told of no more often than that changes."""

from __future__ import annotations

from agentgate_server.gate.door import Door


def test_it_is_closed_while_any_part_says_why() -> None:
    told: list[str] = []
    also: list[str] = []
    door = Door(told.append, also.append)
    assert door.why == ""
    door.close("disk", "")
    door.close("disk", "the disk is full")
    door.close("memory", "there is no memory")
    door.close("disk", "the disk is full")
    door.close("disk", "")
    door.close("disk", "")
    door.close("memory", "")
    assert told == also == ["the disk is full", "there is no memory", ""]
