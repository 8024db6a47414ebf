"""What a connection reports."""

from typing import get_args

import pytest

from agentgate_proto.connection import events
from agentgate_proto.connection.events import Event


def test_every_event_of_the_module_is_in_the_union() -> None:
    own = [kind for kind in vars(events).values() if isinstance(kind, type)]
    assert {kind for kind in own if kind.__module__ == events.__name__} == set(get_args(Event))


@pytest.mark.parametrize("kind", get_args(Event))
def test_an_event_is_immutable_and_documented_and_its_members_are_named(kind: type[Event]) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__doc__
    with pytest.raises(TypeError):
        kind(*kind.__struct_fields__, "one more")
