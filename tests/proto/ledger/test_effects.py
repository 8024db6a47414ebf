"""Effects: what an adapter has to do, and what it hands back."""

import typing

import msgspec
import pytest

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger import effects
from agentgate_proto.ledger.effects import Decided, Effect, Purpose, Refusal, Token, Write
from agentgate_proto.records.storage import MarkDelivered

EFFECTS = typing.get_args(Effect)


def test_every_effect_is_in_the_union_that_adapters_match() -> None:
    here = {
        kind
        for kind in vars(effects).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__module__ == effects.__name__
    }
    assert here - {Token} == set(EFFECTS)


@pytest.mark.parametrize("kind", EFFECTS, ids=lambda kind: kind.__name__)
def test_every_effect_says_what_to_do(kind: type[msgspec.Struct]) -> None:
    assert kind.__doc__
    assert kind.__struct_config__.frozen


def test_a_token_is_handed_back_as_it_came() -> None:
    token = Token(Purpose.COLLECT, link=3, call_id=7, limit=257)
    assert {token: "mine"}[Token(Purpose.COLLECT, link=3, call_id=7, limit=257)] == "mine"
    assert token != Token(Purpose.COLLECT, link=3, call_id="7", limit=257)


def test_a_write_is_urgent_and_a_decision_without_trouble_unless_it_says_so() -> None:
    assert Write(1, MarkDelivered(())).urgent
    assert Decided("ticket", True, None).problem == ""
    assert Refusal(1, None, ErrorCode.INTERNAL_ERROR, "no").retry_after_s is None
