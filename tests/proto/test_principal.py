"""Who is on the other end."""

import msgspec
import pytest

from agentgate_proto.principal import Principal, Role


def test_the_roles_are_spelled_as_in_the_configuration() -> None:
    assert [role.value for role in Role] == ["agent", "approver", "operator", "console", "relay"]


def test_a_principal_has_a_name_and_a_role() -> None:
    bot = Principal(name="bot", role=Role.AGENT)
    assert (bot.name, bot.role) == ("bot", Role.AGENT)
    with pytest.raises(TypeError):
        Principal(name="bot")


def test_a_principal_cannot_be_promoted_in_place() -> None:
    with pytest.raises(AttributeError):
        Principal(name="bot", role=Role.AGENT).role = Role.OPERATOR


def test_principals_can_be_looked_up() -> None:
    names = {Principal(name="bot", role=Role.AGENT): 1}
    assert names[Principal(name="bot", role=Role.AGENT)] == 1


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="'root'"):
        msgspec.convert({"name": "bot", "role": "root"}, Principal)
