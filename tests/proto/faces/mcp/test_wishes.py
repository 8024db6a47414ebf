"""What messages of clients ask for."""

from typing import get_args

import msgspec
import pytest

from agentgate_proto.faces.mcp import wishes
from agentgate_proto.faces.mcp.wishes import Call, Wish


def test_each_wish_is_one_of_the_union() -> None:
    made = [
        each
        for each in vars(wishes).values()
        if isinstance(each, type)
        and issubclass(each, msgspec.Struct)
        and each.__module__ == wishes.__name__
    ]
    assert set(made) == set(get_args(Wish))


def test_a_wish_does_not_change() -> None:
    call = Call(id=1, name="x")
    with pytest.raises(AttributeError):
        call.name = "y"  # type: ignore[misc]
    assert bytes(call.arguments) == b"{}"
