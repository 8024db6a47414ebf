"""The table of what passes for ASCII."""

from __future__ import annotations

from agentgate_proto.text.look_alikes import LOOKS


def test_each_character_passes_for_one_thing_in_ascii() -> None:
    points = [int(point, 16) for points in LOOKS.values() for point in points.split()]
    assert len(points) == len(set(points)) > 500
    assert min(points) >= 0x80
    assert all(target.isascii() and target.isprintable() for target in LOOKS)
    assert "430" in LOOKS["a"].split()
    assert "3c1" in LOOKS["p"].split()
