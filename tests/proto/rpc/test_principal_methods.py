"""Who may connect, as methods carry it."""

from __future__ import annotations

from agentgate_proto.principal import Role
from agentgate_proto.rpc.principal_methods import TokenMade


def test_a_token_that_was_made_stays_out_of_logs() -> None:
    made = TokenMade(name="garden", role=Role.AGENT, token="ag_secret", created_at="")
    assert repr(made) == "TokenMade(name='garden', role=<Role.AGENT: 'agent'>)"
