"""The form of scripts: what can be played, and what is wrong with what can't."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.models.scenes import Script, ToolToCall


def script(**scene: Any) -> Script:
    return msgspec.convert({"scenes": [scene]}, Script)


def test_one_call_needs_no_list_and_a_list_is_taken_as_well() -> None:
    lamp = {"tool": "lamp", "args": {"on": True}}
    one = ToolToCall(tool="lamp", args={"on": True})
    assert script(call=lamp).scenes[0].calls == (one,)
    assert script(call=[lamp, lamp]).scenes[0].calls == (one, one)
    assert script(say="hi").scenes[0].calls == ()


def test_the_beats_of_a_scene_are_itself_and_what_comes_then() -> None:
    scene = script(call={"tool": "a"}, then=[{"say": "{result}"}]).scenes[0]
    assert scene.beats == (scene, scene.then[0])


def test_a_place_may_stand_in_whatever_is_said_or_called() -> None:
    scene = script(
        when="{verb} the {lamp} in the {room}",
        think="{text}",
        call={"tool": "lamp_{verb}", "args": {"{room}": ["{lamp}", "{{other}}"]}},
        then=[{"if_failed": "No {lamp}: {result}"}],
    ).scenes[0]
    assert scene.places() == {"text", "verb", "room", "lamp"}


@pytest.mark.parametrize(
    ("scene", "problem"),
    [
        ({}, "nothing happens in it: add 'say' or 'call'"),
        ({"when": "x", "pause_ms": 1}, "nothing happens in it"),
        (
            {"say": "{lamp}"},
            r"nothing is known of \{lamp\} here: there is \{text\}; .* \{\{lamp\}\}",
        ),
        ({"say": "x {result}", "when": "{a}"}, r"there is \{a\}, \{text\}"),
        ({"say": "x", "if_failed": "y"}, "put it into 'then'"),
        ({"say": "x", "then": [{"say": "y"}]}, "no tool is called before a part of 'then'"),
        ({"call": {"tool": "a"}, "then": [{}]}, "nothing happens in a part of 'then'"),
        (
            {"call": {"tool": "a"}, "then": [{"say": "y"}, {"say": "z"}]},
            "no tool is called before a part of 'then'",
        ),
        ({"say": "x", "when": "{a}{b}"}, "side by side"),
        ({"say": "x", "when": ""}, "length >= 1"),
        ({"say": "x", "pause_ms": -1}, ">= 0"),
        ({"fail": {"kind": "boredom"}}, "boredom"),
        ({"fail": {"kind": "fatal", "times": 0}}, ">= 1"),
        ({"fail": {"kind": "fatal", "times": "often"}}, "often"),
    ],
)
def test_what_can_t_be_played_says_why(scene: dict[str, Any], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        script(**scene)


def test_trouble_alone_is_a_scene() -> None:
    scene = script(fail={"kind": "retryable", "times": "always"}).scenes[0]
    assert not scene.is_empty
    assert script(think="hm").scenes[0].is_empty is False
