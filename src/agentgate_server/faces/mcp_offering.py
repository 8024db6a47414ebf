"""Resources, prompts and completion for MCP clients: what servers offer besides tools.

Lists come from what the servers said last. What is read is a call of a tool, which the policy
governs; its answer goes out as the method's. A prompt has a published name, as a tool has; a URI is
passed on as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec

from agentgate_proto.faces.mcp import lists
from agentgate_proto.faces.mcp.dispatch import Gate
from agentgate_proto.faces.mcp.names import published
from agentgate_proto.faces.mcp.replies import no_resource, success
from agentgate_proto.faces.mcp.wishes import (
    Complete,
    GetPrompt,
    ListPrompts,
    ListResources,
    ListTemplates,
    ReadResource,
)
from agentgate_proto.rpc.jsonrpc import UNREADABLE
from agentgate_server.faces.mcp_asking import NO_STATE, Asking, refuse
from agentgate_server.faces.mcp_visits import Visit

List = ListResources | ListTemplates | ListPrompts
OfferWish = List | ReadResource | GetPrompt | Complete

NO_COMPLETION: Final = "there is nothing that completes this"


class Offer(Protocol):
    """Something that a server lists: see ``tools.mcp.offers.Offered``."""

    @property
    def name(self) -> str:
        """What it is called here."""
        ...

    @property
    def there(self) -> str:
        """What its server calls it."""
        ...

    @property
    def tool(self) -> str:
        """The tool by which it is read."""
        ...

    @property
    def complete(self) -> str:
        """The tool that completes its arguments; "": there is none."""
        ...

    @property
    def raw(self) -> msgspec.Raw:
        """As its server wrote it."""
        ...


class Offers(Protocol):
    """What all servers offer: see ``tools.mcp.offers.Offers``."""

    def resources(self) -> Sequence[Offer]:
        """All resources."""
        ...

    def templates(self) -> Sequence[Offer]:
        """All templates of resources."""
        ...

    def prompts(self) -> Sequence[Offer]:
        """All prompts."""
        ...

    def owner_of_uri(self, uri: str) -> Offer | None:
        """The resource, or the template, that a URI belongs to."""
        ...

    def subscribe(self, uri: str, look: Callable[[], None]) -> Callable[[], None] | None:
        """Be told when a resource changes, until what is returned is called; None: nobody tells."""
        ...


class Nothing:
    """The offers of a gateway with no servers behind it."""

    def resources(self) -> Sequence[Offer]:
        """See :class:`Offers`."""
        return ()

    templates = prompts = resources

    def owner_of_uri(self, uri: str) -> Offer | None:
        """See :class:`Offers`."""
        del uri
        return None

    def subscribe(self, uri: str, look: Callable[[], None]) -> Callable[[], None] | None:
        """See :class:`Offers`."""
        del uri, look
        return None


class Offering:
    """See the module.

    Args:
        offers: what there is.
        asking: makes calls.
    """

    def __init__(self, offers: Offers, asking: Asking) -> None:
        self._offers = offers
        self._asking = asking

    def do(self, wish: OfferWish, visit: Visit, gate: Gate) -> None:
        """Do it; ``visit.carrier`` gets the answer, now or later."""
        match wish:
            case ReadResource():
                self._read(wish, visit, gate)
            case GetPrompt():
                self._get(wish, visit, gate)
            case Complete():
                self._complete(wish, visit, gate)
            case _:
                self._list(wish, visit)

    def fingerprints(self) -> tuple[bytes, bytes]:
        """Others if the lists are others: of resources with their templates, and of prompts."""
        resources = [*self._offers.resources(), *self._offers.templates()]
        return digest_of(resources), digest_of(self._offers.prompts())

    def _list(self, wish: List, visit: Visit) -> None:
        make: Callable[[Sequence[bytes], str, str], bytes]
        if isinstance(wish, ListPrompts):
            items, make = self._prompts(), lists.prompts
        elif isinstance(wish, ListResources):
            items, make = raw_of(self._offers.resources()), lists.resources
        else:
            items, make = raw_of(self._offers.templates()), lists.templates
        try:
            result = make(items, wish.cursor, visit.version)
        except lists.BadCursor as error:
            refuse(visit, wish.id, str(error))
        else:
            visit.carrier.answer(success(wish.id, result))

    def _prompts(self) -> list[bytes]:
        """The prompts under their published names; of two with one name the first."""
        found: dict[str, bytes] = {}
        for each in self._offers.prompts():
            name = published(each.name)
            if name not in found:
                members = msgspec.json.decode(each.raw, type=dict[str, msgspec.Raw])
                found[name] = msgspec.json.encode({**members, "name": name})
        return list(found.values())

    def _prompt(self, name: str) -> Offer | None:
        prompts = self._offers.prompts()
        return next((each for each in prompts if published(each.name) == name), None)

    def _read(self, wish: ReadResource, visit: Visit, gate: Gate) -> None:
        owner = self._offers.owner_of_uri(wish.uri)
        if owner is None:
            visit.carrier.answer(no_resource(wish.id, wish.uri, visit.version), status=visit.bad)
        else:
            self._call(wish, "resources/read", owner.tool, {"uri": wish.uri}, visit, gate)

    def _get(self, wish: GetPrompt, visit: Visit, gate: Gate) -> None:
        owner = self._prompt(wish.name)
        if owner is None:
            refuse(visit, wish.id, f"Unknown prompt: {wish.name}")
            return
        try:
            arguments = msgspec.json.decode(wish.arguments, type=dict[str, str])
        except UNREADABLE as error:
            refuse(visit, wish.id, f"Invalid params: {error}")
            return
        args = {"name": owner.there, "arguments": arguments}
        self._call(wish, "prompts/get", owner.tool, args, visit, gate)

    def _call(
        self,
        wish: ReadResource | GetPrompt,
        method: str,
        tool: str,
        args: dict[str, Any],
        visit: Visit,
        gate: Gate,
    ) -> None:
        asked = self._asking.asked(visit, gate, wish.id, method, wish.meta)
        if not wish.request_state:
            self._asking.ask(asked, tool, args)
        elif not self._asking.go_on(asked, tool, args, wish.request_state, wish.input_responses):
            refuse(visit, wish.id, NO_STATE)

    def _complete(self, wish: Complete, visit: Visit, gate: Gate) -> None:
        owner = self._prompt(wish.prompt) if wish.prompt else self._template(wish.uri)
        if owner is None or not owner.complete:
            refuse(visit, wish.id, NO_COMPLETION)
            return
        if wish.prompt:
            ref = {"type": "ref/prompt", "name": owner.there}
        else:
            ref = {"type": "ref/resource", "uri": wish.uri}
        args: dict[str, Any] = {"ref": ref}
        try:
            args["argument"] = msgspec.json.decode(wish.argument, type=dict[str, str])
            if bytes(wish.context):
                args["context"] = msgspec.json.decode(wish.context, type=dict[str, Any])
        except UNREADABLE as error:
            refuse(visit, wish.id, f"Invalid params: {error}")
            return
        asked = self._asking.asked(visit, gate, wish.id, "completion/complete", wish.meta)
        self._asking.ask(asked, owner.complete, args)

    def _template(self, uri: str) -> Offer | None:
        templates = self._offers.templates()
        found = next((each for each in templates if each.there == uri), None)
        return found or self._offers.owner_of_uri(uri)


def digest_of(offers: Sequence[Offer]) -> bytes:
    """Another one if these are others."""
    found = sha256()
    for each in offers:
        found.update(b"%d %b" % (len(bytes(each.raw)), bytes(each.raw)))
    return found.digest()


def raw_of(offers: Sequence[Offer]) -> list[bytes]:
    """These as their servers wrote them."""
    return [bytes(each.raw) for each in offers]
