"""The form of ``services.homeassistant`` in ``config.yaml``: a house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from agentgate_server.backends.urls import split_url
from agentgate_server.documents.spans import SECONDS
from agentgate_server.secrets.secret import Secret


class HomeAssistantUrl(str):
    """Where Home Assistant's web page is."""

    __slots__ = ()

    def __new__(cls, text: str) -> HomeAssistantUrl:
        """Check the text."""
        _, target = split_url(text)
        if "?" in target:
            raise ValueError("must be without a query, as in http://homeassistant.local:8123")
        if target.rstrip("/").endswith("/api"):
            raise ValueError("must be the address of the web page: without /api at its end")
        return super().__new__(cls, text.rstrip("/"))


class HomeAssistantConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Home Assistant, with the tools ``ha_get_states``, ``ha_get_history``, ``ha_call_service`` and
    others; ``docs/home-assistant.md`` has them all, and the steps."""

    url: HomeAssistantUrl
    """Its address as in a browser, ``http://homeassistant.local:8123``. Any address may stand
    here, a private one too; redirects are not followed."""

    token: Secret
    """A long-lived access token, made in Home Assistant in the profile of a user, under
    *Security*. The user must be an administrator, or areas and labels can't be resolved. Write
    ``${HOME_ASSISTANT_TOKEN}`` and keep it in ``.env``."""

    ca: Path | None = None
    """PEM file of the authority that vouches for its certificate; without it the system's."""

    timeout_s: Annotated[float, Meta(ge=12, le=3_600, extra=SECONDS)] = 30.0
    """Seconds that a call may take. Beyond 10, since older versions of Home Assistant answer a
    service call after 10 s, done or not, and newer ones only when it is done."""

    args_bytes_max: Annotated[int, Meta(ge=1_024, le=1_000_000)] | None = None
    """Bytes that the arguments of a call may have as JSON; default: ``tools.args_bytes_max``."""

    resolve_every_s: Annotated[float, Meta(ge=1, le=3_600, extra=SECONDS)] = 60.0
    """Seconds between two looks at what areas, devices, labels, floors, groups and scenes hold,
    for the policy; also how often its health is checked."""

    resolve_stale_s: Annotated[float, Meta(ge=1, le=86_400, extra=SECONDS)] = 300.0
    """Seconds that such an answer holds. Afterwards those names match every deny and ask rule."""

    def __post_init__(self) -> None:
        if self.resolve_stale_s < self.resolve_every_s:
            raise ValueError("resolve_stale_s must not be less than resolve_every_s")
