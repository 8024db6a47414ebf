"""The form of a server: which addresses it may have, what is no secret of it."""

from __future__ import annotations

from ipaddress import ip_address

from agentgate_server.tools.http.texts import NetworkText
from agentgate_server.tools.mcp.form import HeaderValue, McpServerConfig, McpUrl


def test_only_public_addresses_are_reached_unless_it_says_so() -> None:
    url = McpUrl("https://mcp.example/mcp?key=secret")
    plain = McpServerConfig(url=url)
    inside = McpServerConfig(url=url, private=True)
    one = McpServerConfig(url=url, allow=(NetworkText("10.0.0.7"),))
    near, far = ip_address("10.0.0.7"), ip_address("10.0.0.8")
    assert plain.reach.refusal(near) == "private"
    assert (inside.reach.refusal(near), inside.reach.refusal(far)) == ("", "")
    assert (one.reach.refusal(near), one.reach.refusal(far)) == ("", "private")


def test_an_address_that_stands_in_the_url_is_meant() -> None:
    here, there = ip_address("127.0.0.1"), ip_address("10.0.0.7")
    local = McpServerConfig(url=McpUrl("http://localhost:80/mcp")).reach
    own = McpServerConfig(url=McpUrl("http://10.0.0.7/mcp")).reach
    six = McpServerConfig(url=McpUrl("http://[::1]/mcp")).reach
    assert (local.refusal(here), local.refusal(there)) == ("", "private")
    assert (own.refusal(here), own.refusal(there)) == ("loopback", "")
    assert six.refusal(ip_address("::1")) == ""
    assert McpServerConfig(command=("x",)).reach.allow == ()


def test_neither_a_place_nor_a_repr_shows_a_secret() -> None:
    assert McpUrl("https://mcp.example:8443/mcp?key=secret").place == "https://mcp.example:8443"
    assert "secret" not in repr(HeaderValue("Bearer secret"))
