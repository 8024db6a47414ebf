"""What a run writes into the log, and so into the history."""

from __future__ import annotations

import msgspec
from tests.proto.session_models import call, said, wanted
from tests.proto.sessions.phases import calling, tools, world_in

from agentgate_proto.models.events import Ended, Stop, TextDelta
from agentgate_proto.records.outcome import executed, failed, with_words


def test_a_reply_names_its_backend_only_where_it_has_the_vendors_own_form() -> None:
    world = world_in(calling)
    blocks = b'{"role":"assistant","content":"yes"}'
    world.say(TextDelta("yes"), Ended(stop=Stop.END, blocks=blocks))
    world.settle()
    world.send("s", "more")
    world.settle()
    replies = world.data("s", "reply")
    assert [reply["backend"] for reply in replies] == ["openai", ""]
    assert [row.blocks for row in world.rows("s") if row.kind == "reply"] == [blocks, b""]
    assert blocks in world.called[-1].request.body


def test_messages_of_both_sides_are_counted() -> None:
    world = world_in(calling)
    world.say(*wanted(call("c1")))
    world.settle()
    assert world.store.sessions["s"].messages == 3


def test_a_result_is_what_the_tool_returned_or_why_it_did_not() -> None:
    world = world_in(tools)
    world.finish("s", "c1", executed(b'{"a":[1]}'))
    world.finish("s", "c2", failed("no such lamp"))
    world.settle()
    run = world.last_end("s")["run"]
    assert world.data("s", "tool_result") == [
        {"run": run, "call": "c1", "tool": "read", "status": "executed", "result": {"a": [1]}},
        {"run": run, "call": "c2", "tool": "write", "status": "failed", "error": "no such lamp"},
    ]


def test_a_result_has_what_people_made_of_it_and_the_model_reads_it() -> None:
    world = world_in(tools)
    edited = msgspec.Raw(b'{"n":2}')
    world.finish("s", "c1", with_words(executed(b'"seen"'), "not so much", edited))
    world.finish("s", "c2", with_words(failed("no such lamp"), "try it", None))
    world.settle()
    one, two = world.data("s", "tool_result")
    assert (one["word"], one["edited"]) == ("not so much", {"n": 2})
    assert (two["word"], "edited" in two) == ("try it", False)
    body = world.called[-1].request.body.decode()
    assert "seen\\n\\nA person has changed the arguments before it ran; these were: " in body
    assert "The person who was asked says: not so much" in body
    assert "no such lamp\\n\\nThe person who was asked says: try it" in body


def test_every_event_of_a_run_says_which_it_is() -> None:
    world = world_in(calling)
    world.say(*said("yes"))
    world.settle()
    run = world.last_end("s")["run"]
    for kind in {row.kind for row in world.rows("s")}:
        assert {data["run"] for data in world.data("s", kind)} == {run}
