"""Effects: what an adapter has to do."""

import typing

import msgspec
import pytest

from agentgate_proto.sessions import effects
from agentgate_proto.sessions.effects import Effect

EFFECTS = typing.get_args(Effect)


def test_every_effect_is_in_the_union_that_adapters_match() -> None:
    here = {
        kind
        for kind in vars(effects).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__module__ == effects.__name__
    }
    assert here == set(EFFECTS)


@pytest.mark.parametrize("kind", EFFECTS, ids=lambda kind: kind.__name__)
def test_every_effect_says_what_to_do_and_stays_as_it_is(kind: type[msgspec.Struct]) -> None:
    assert kind.__doc__
    assert kind.__struct_config__.frozen
