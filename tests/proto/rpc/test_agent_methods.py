"""The methods about named agents: what they take, and what they never show."""

from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.limits import NAME_CHARS_MAX, PASSWORD_CHARS_MAX
from agentgate_proto.rpc.agent_methods import LoginAgent
from agentgate_proto.rpc.decoding import decode_params
from agentgate_proto.rpc.messages import METHODS


def taken(**params: str) -> msgspec.Struct:
    return decode_params(METHODS["login_agent"], msgspec.Raw(msgspec.json.encode(params)))


def test_a_login_does_not_show_its_password() -> None:
    params = LoginAgent(agent="house", password="open sesame")
    assert repr(params) == "LoginAgent(agent='house')"
    assert f"{params}" == repr(params)


@pytest.mark.parametrize(
    ("agent", "password"),
    [("", "p"), ("house", ""), ("x" * (NAME_CHARS_MAX + 1), "p"), ("house", "x" * 1_025)],
)
def test_names_and_passwords_have_a_length(agent: str, password: str) -> None:
    assert PASSWORD_CHARS_MAX == 1_024
    with pytest.raises(msgspec.ValidationError):
        taken(agent=agent, password=password)
    assert taken(agent="house", password="p") == LoginAgent(agent="house", password="p")
