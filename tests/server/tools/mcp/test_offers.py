"""What servers offer besides tools: lists, owners, and being told of changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.tools.mcp.behind import serving, stub, until, up

from agentgate_proto.faces.mcp_backend.events import Kind
from agentgate_server.tools.mcp.form import McpPrefix
from agentgate_server.tools.mcp.offers import URI_CHARS_MAX, complete_params, fits
from agentgate_server.tools.mcp.servers import McpServers

pytestmark = pytest.mark.anyio


async def all_there(servers: McpServers) -> None:
    await up(servers)
    every = servers.servers.values()
    await until(lambda: all(s.wanted - {Kind.TOOLS} <= s.offered.keys() for s in every))


async def test_what_two_offer_belongs_to_the_first() -> None:
    bare = stub(resources=True, prompts=True, prefix=McpPrefix(""))
    async with serving(s=stub(resources=True, prompts=True), t=bare) as servers:
        await all_there(servers)
        offers = servers.offers
        (resource,) = offers.resources()
        assert (resource.alias, resource.name, resource.tool) == (
            "s",
            "test://a",
            "s_read_resource",
        )
        assert resource.complete == "s_complete"
        assert bytes(resource.raw) == b'{"uri": "test://a", "name": "a"}'
        assert [each.name for each in offers.prompts()] == ["s.greet", "greet"]
        assert [each.tool for each in offers.prompts()] == ["s_get_prompt", "t_get_prompt"]
        prompt = offers.owner_of_prompt("s.greet")
        assert prompt is not None
        assert prompt.there == "greet"
        template = offers.owner_of_uri("test://t/7")
        assert template is not None
        assert template.name == "test://t/{id}"
        assert offers.owner_of_uri("other://t/7") is None
        assert offers.owner_of_uri("test://t/" + "7" * URI_CHARS_MAX) is None
        assert offers.owner_of_prompt("nobody") is None


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_resource_that_changes_is_told_of_until_nobody_looks(era: str) -> None:
    async with serving(s=stub(era, resources=True)) as servers:
        await all_there(servers)
        looks: list[str] = []
        stop = servers.offers.subscribe("test://a", lambda: looks.append("one"))
        assert stop is not None
        if era == "legacy":
            await until(lambda: looks)
        other = servers.offers.subscribe("test://a", lambda: looks.append("two"))
        assert other is not None
        looks.clear()
        servers.servers["s"].updated("test://a")
        assert looks == ["one", "two"]
        stop()
        stop()
        servers.servers["s"].updated("test://a")
        assert looks == ["one", "two", "two"]
        other()
        servers.servers["s"].updated("test://a")
        assert looks == ["one", "two", "two"]
        assert servers.offers.subscribe("other://a", lambda: None) is None


@pytest.mark.parametrize(
    ("template", "uri", "is_one"),
    [
        ("a://{x}/b/{y}", "a://1/b/2", True),
        ("a://{x}/b/{y}", "a://1/c/2", False),
        ("a://{x}.md", "a://n.md", True),
        ("a://{x}.md", "a://n.txt", False),
        ("a://b", "a://b", True),
        ("a://b", "a://bc", False),
        ("ab{x}ba", "aba", False),
        ("a{x}b{y}c", "abc", True),
        ("b{x}", "a://b", False),
    ],
)
def test_a_uri_is_one_of_a_template(template: str, uri: str, is_one: bool) -> None:
    assert fits(template, uri) is is_one


@given(st.lists(st.sampled_from(["a", "b", "ab", "/"]), max_size=6), st.text("ab/", max_size=4))
def test_what_a_template_makes_is_one_of_it(parts: list[str], value: str) -> None:
    template = "{v}".join(parts)
    assert fits(template, template.replace("{v}", value))


def test_a_context_is_passed_on_only_if_there_is_one() -> None:
    args = {"ref": {}, "argument": {}}
    assert complete_params(args) == args
    assert complete_params({**args, "context": {"a": 1}, "other": 1}) == {
        **args,
        "context": {"a": 1},
    }
