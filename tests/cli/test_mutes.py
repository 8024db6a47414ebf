"""``agent-gate approvals mute|unmute``: nobody is asked about an agent for a time."""

from __future__ import annotations

import json

from tests.cli.support import Served, ended


def test_an_agent_is_muted_listed_and_heard_again(mortal: Served) -> None:
    assert mortal.as_owner("approvals", "mute").stdout == "nobody is muted\n"
    muted = mortal.as_owner("approvals", "mute", "agent", "--for", "30m")
    assert muted.returncode == 0
    assert muted.stdout.startswith("agent: nobody is asked until ")
    assert muted.stdout.endswith(" (muted by owner, terminal)\n")
    refused = mortal.as_agent("call", "set_light", "room=bedroom", "on=true")
    assert refused.returncode != 0
    assert "muted by owner until 20" in refused.stderr
    assert mortal.as_agent("call", "list_lights").returncode == 0, "what needs nobody goes on"
    listed = json.loads(mortal.as_owner("approvals", "mute", "--json").stdout)["mutes"]
    assert [(mute["agent"], mute["by"]) for mute in listed] == [("agent", "owner")]
    over = mortal.as_owner("approvals", "unmute", "agent")
    assert over.stdout == "agent: people are asked again\n"
    call = mortal.calling("set_light", "room=bedroom", "on=true")
    (row,) = mortal.waiting()
    mortal.as_owner("approvals", "deny", row["id"])
    assert ended(call)[0] == 1


def test_what_can_t_be_muted_is_explained(gateway: Served) -> None:
    unknown = gateway.as_owner("approvals", "mute", "nobody")
    assert (unknown.returncode, unknown.stdout) == (4, "")
    assert "no agent of this name" in unknown.stderr
    odd = gateway.as_owner("approvals", "mute", "agent", "--for", "ever")
    assert odd.returncode == 4
    assert "write it as in 90s" in odd.stderr
    forbidden = gateway.as_agent("approvals", "mute", "agent")
    assert forbidden.returncode == 3
