"""Calling a service: over the link while it stands, else by the REST API.

Over the link Home Assistant says in its own words what is wrong, and the mirror shows before
whether there is anything to act on. By REST only the entities that are named can be looked at.
"""

from __future__ import annotations

from typing import Any, Final

import anyio
import msgspec

from agentgate_server.errors import EffectUnknown, ToolFailed
from agentgate_server.tools.home_assistant.api import Api, NotFound
from agentgate_server.tools.home_assistant.credentials import without_credentials
from agentgate_server.tools.home_assistant.mirror import Mirror
from agentgate_server.tools.home_assistant.targets import (
    Targets,
    acts,
    listed,
    targets_of,
)
from agentgate_server.tools.home_assistant.watching import Watching

SLOW_S: Final = 10.0
"""Until 2023 Home Assistant answered a service call after this time whether it was done or not
(``SERVICE_CALL_LIMIT``); since then when it is done. The answer looks the same."""

BLOCKS_SINCE: Final = (2024, 1)
"""From this version on an answer says that a service is done, whatever time it took."""

SLOW_NOTE: Final = (
    "Home Assistant answered after {took:.0f} s. Older versions answer after 10 s although the "
    "service still runs: look at the state before you take it for done."
)

LOOKED_AT_MAX: Final = 5
"""Entities that are looked at by REST before a call; a call names one or two."""


class NoEntity(ToolFailed):
    """A call names an entity that is not there; nothing was done.

    Attributes:
        entity: its name.
    """

    def __init__(self, entity: str) -> None:
        super().__init__(f"there is no entity {entity}")
        self.entity = entity


class Called(msgspec.Struct):
    """The result of ``call_service``."""

    context: dict[str, Any] = {}
    response: Any = None


class Services:
    """Calls services.

    Args:
        api: the REST API.
        watching: the link and the mirror.
        slow_s: from when on an answer of an old version may have come too early.
        timeout_s: how long a call may take.
    """

    def __init__(self, api: Api, watching: Watching, timeout_s: float, slow_s: float) -> None:
        self._api = api
        self._watching = watching
        self._timeout_s = timeout_s
        self._slow_s = slow_s

    @property
    def mirror(self) -> Mirror:
        """What is known of the house."""
        return self._watching.mirror

    async def call(
        self, domain: str, service: str, data: dict[str, Any], *, responds: bool
    ) -> dict[str, Any]:
        """Call a service.

        Args:
            domain, service: its name.
            data: what it is given, and on what it acts.
            responds: its response is wanted.

        Returns:
            The states that changed as ``result``, and its ``response``. ``note`` says what was done
            nothing with, or that it may still be running.

        Raises:
            NoEntity: an entity that it names is not there.
            NotStarted, EffectUnknown, ToolFailed: see :mod:`api`.
        """
        began = anyio.current_time()
        if self._watching.mirror.is_live:
            result = await self._by_link(domain, service, data, responds=responds)
        else:
            result = await self._by_rest(domain, service, data, responds=responds)
        took = anyio.current_time() - began
        if took >= self._slow_s and not blocks(self._watching.link.version):
            result |= {"completed": "unknown", "note": SLOW_NOTE.format(took=took)}
        return result

    async def _by_link(
        self, domain: str, service: str, data: dict[str, Any], *, responds: bool
    ) -> dict[str, Any]:
        mirror, name = self._watching.mirror, f"{domain}.{service}"
        targets = targets_of(mirror, domain, service, data)
        refuse(targets, name)
        raw = await self._watching.link.ask(
            "call_service",
            timeout_s=self._timeout_s,
            what=name,
            domain=domain,
            service=service,
            service_data=data,
            return_response=responds,
        )
        called = msgspec.json.decode(raw, type=Called)
        changed = mirror.changed_by(str(called.context.get("id", "")))
        result: dict[str, Any] = {"result": [state.as_json() for state in changed]}
        if responds:
            result["response"] = without_credentials(called.response)
        if targets.idle:
            result["note"] = f"nothing was done with some: {'; '.join(targets.idle)}"
        return result

    async def _by_rest(
        self, domain: str, service: str, data: dict[str, Any], *, responds: bool
    ) -> dict[str, Any]:
        if acts(domain, service):
            await self._look_at(listed(data.get("entity_id", [])))
        path = f"/api/services/{domain}/{service}{'?return_response' if responds else ''}"
        found = await self._api.post(path, data, f"{domain}.{service}")
        if responds and isinstance(found, dict):
            return {
                "result": found.get("changed_states"),
                "response": found.get("service_response"),
            }
        return {"result": found}

    async def _look_at(self, names: list[str]) -> None:
        """See that entities are there, where there are few.

        That they can't be looked at is no reason against the call.

        Raises:
            NoEntity: one is not.
            NotStarted: it can't be reached.
        """
        for name in names if len(names) <= LOOKED_AT_MAX else ():
            if name in ("all", "none"):
                continue
            try:
                await self._api.get(f"/api/states/{name}")
            except NotFound:
                raise NoEntity(name) from None
            except (EffectUnknown, ToolFailed):
                return  # the call itself will tell


def refuse(targets: Targets, name: str) -> None:
    """Refuse a call that would do nothing, or not what was asked for.

    Raises:
        NoEntity, ToolFailed: it would.
    """
    if len(targets.missing) == 1 and targets.absent:
        raise NoEntity(targets.absent[0])
    if targets.missing:
        raise ToolFailed(f"{'; '.join(targets.missing)}; {name} was not called")
    if targets.idle and not targets.entities:
        raise ToolFailed(f"{'; '.join(targets.idle)}; {name} would do nothing and was not called")


def blocks(version: str) -> bool:
    """Whether a version of Home Assistant answers a service call when it is done."""
    parts = version.split(".")[:2]
    return all(map(str.isdecimal, parts)) and tuple(map(int, parts)) >= BLOCKS_SINCE
