"""Home Assistant's REST API, as far as the tools need it (developers.home-assistant.io).

What it answers, in words for an agent::

    2xx            the JSON in it
    401            ToolFailed: the gateway's token is wrong; nothing was done
    404, other 4xx ToolFailed: what Home Assistant said
    500            ToolFailed: the service itself failed, maybe half-way
    502, 504, 52x  EffectUnknown for a write: a proxy stands between, and nobody knows; but not for
                   those that say that nothing was reached (:mod:`agentgate_proto.wire.statuses`)
    none           NotStarted or EffectUnknown, see ``HttpBackend``

Home Assistant answers JSON to all that it does. A good status without it comes from something else
on the way, or the answer was spoilt there: nobody knows then whether a write was done.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_network
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import msgspec

from agentgate_proto.records.request import Effects
from agentgate_proto.wire.statuses import LOST, NOT_REACHED
from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.answer import Answer
from agentgate_server.backends.circuit_breaker import FAILURES_MAX
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import HttpOptions
from agentgate_server.errors import EffectUnknown, ToolError, ToolFailed
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.credentials import clean_text, without_credentials
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig

T = TypeVar("T")

NAME: Final = "Home Assistant"

BYTES_MAX: Final = 32_000_000
"""One answer. The states of a large house are some megabytes."""

AT_ONCE_BYTES: Final = 65_536
"""An answer up to here is read at once: some milliseconds. The rest of the gateway would wait for
the states of a large house."""

THREADS_MAX: Final = 2
"""Answers that are read aside at once."""

READS_MAX: Final = 8
"""Reads that run at once; each is milliseconds of Home Assistant's one thread."""

WRITES_MAX: Final = 16
"""Service calls and events that run at once. They have connections of their own: a service may
take as long as the door needs, and a look at a state must not wait for that."""

WRITE_FAILURES_MAX: Final = 50
"""Service calls without an answer, one after the other, until further ones are refused at once. Not
the usual five: a script that runs for minutes is not answered in time, and nothing is broken."""

SAID_CHARS_MAX: Final = 300
"""Characters of an error of Home Assistant's that are passed on."""

FAILING: Final = (*LOST, *NOT_REACHED)
"""What a proxy in front of a dead Home Assistant says. Its own 500 is one service's failure."""

ANYWHERE: Final = Reach(private=True, allow=(ip_network("0.0.0.0/0"), ip_network("::/0")))
"""The operator has named the one address; nothing that an agent says changes it."""

JSON: Final = (("Content-Type", "application/json"),)


class TooLarge(ToolFailed):
    """An answer has more bytes than are read of it."""


class NotFound(ToolFailed):
    """There is nothing of that name (404)."""


class Api:
    """Its REST API. Close it when the gateway stops."""

    def __init__(self, config: HomeAssistantConfig) -> None:
        """Connect to nothing yet.

        Raises:
            ToolError: ``ca`` can't be used.
        """
        self._threads = anyio.CapacityLimiter(THREADS_MAX)
        try:
            self.reads = HttpBackend(options_of(config, READS_MAX, FAILURES_MAX))
            self.writes = HttpBackend(options_of(config, WRITES_MAX, WRITE_FAILURES_MAX))
        except OSError as error:
            raise ToolError(
                f"services.homeassistant.ca: {config.ca} can't be used: {error}"
            ) from error

    async def get(
        self, path: str, *, timeout_s: float | None = None, bytes_max: int | None = None
    ) -> Any:
        """Read something.

        Args:
            path: below the address, encoded.
            timeout_s: None: what the configuration says.
            bytes_max: of the answer; None: ``BYTES_MAX``.

        Raises:
            TooLarge: it has more bytes.
            NotStarted, EffectUnknown, ToolFailed: see above.
        """
        bytes_max = BYTES_MAX if bytes_max is None else bytes_max
        answer = await self.reads.request(
            "GET", path, timeout_s=timeout_s, bytes_max=bytes_max, effects=Effects.READ
        )
        try:
            return await self.content_of(check(answer, path, Effects.READ))
        except ValueError as error:
            failure = TooLarge if len(answer.body) >= bytes_max else ToolFailed
            raise failure(str(error)) from None

    async def content_of(self, answer: Answer) -> Any:
        """Read an answer, see :func:`content_of`; a large one aside, for that takes its time.

        Raises:
            ValueError: it is no JSON.
        """
        if len(answer.body) <= AT_ONCE_BYTES:
            return content_of(answer)
        return await self.aside(content_of, answer)

    async def aside(self, work: Callable[..., T], *args: Any) -> T:
        """Do what takes its time in a thread, so that it holds up nobody else's calls."""
        return await anyio.to_thread.run_sync(
            work, *args, abandon_on_cancel=True, limiter=self._threads
        )

    async def respond(self, domain: str, service: str, data: dict[str, Any]) -> dict[str, Any]:
        """Ask a service that changes nothing for its response.

        Args:
            domain, service: which.
            data: the body.

        Returns:
            The response: what is told of each entity.

        Raises:
            NotStarted, EffectUnknown, ToolFailed: see above.
        """
        what = f"{domain}.{service}"
        answer = await self.reads.request(
            "POST",
            f"/api/services/{domain}/{service}?return_response",
            headers=JSON,
            content=msgspec.json.encode(data),
            bytes_max=BYTES_MAX,
            effects=Effects.READ,
        )
        try:
            content = await self.content_of(check(answer, what, Effects.READ))
        except ValueError as error:
            raise ToolFailed(str(error)) from None
        response = content.get("service_response") if isinstance(content, dict) else None
        if not isinstance(response, dict):
            raise ToolFailed(f"{NAME} answered {what} without a response")
        return response

    async def render(self, template: str, **variables: Any) -> bytes:
        """Render a template. It changes nothing, whatever the method says.

        Raises:
            NotStarted, EffectUnknown, ToolFailed: see above.
        """
        body = msgspec.json.encode({"template": template, "variables": variables})
        answer = await self.reads.request(
            "POST",
            "/api/template",
            headers=JSON,
            content=body,
            bytes_max=BYTES_MAX,
            effects=Effects.READ,
        )
        if check(answer, "a template", Effects.READ).flaw:
            raise ToolFailed(f"{NAME} answered {answer.status}, but {answer.flaw}")
        return answer.body

    async def post(self, path: str, data: dict[str, Any], what: str) -> Any:
        """Do something.

        Args:
            path: below the address, encoded.
            data: the body.
            what: what is done, for errors.

        Raises:
            NotStarted, EffectUnknown, ToolFailed: see above.
        """
        body = msgspec.json.encode(data)
        answer = await self.writes.request(
            "POST", path, headers=JSON, content=body, bytes_max=BYTES_MAX
        )
        if answer.status in LOST:
            raise EffectUnknown(
                f"a proxy in front of {NAME} answered {answer.status} to {what}; it may have been "
                "done"
            )
        try:
            return content_of(check(answer, what))
        except ValueError as error:
            raise EffectUnknown(f"{error}; {what} may have been done") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self.reads.aclose()
        await self.writes.aclose()


def options_of(config: HomeAssistantConfig, connections_max: int, failures_max: int) -> HttpOptions:
    """Return what is known of the backend."""
    return HttpOptions(
        name=NAME,
        url=config.url,
        headers={"Authorization": Secret(f"Bearer {config.token.value}")},
        reach=ANYWHERE,
        ca=config.ca,
        timeout_s=config.timeout_s,
        connections_max=connections_max,
        failures_max=failures_max,
        failing=FAILING,
    )


def check(answer: Answer, what: str, effects: Effects = Effects.WRITE) -> Answer:
    """Return a good answer.

    Args:
        answer: any.
        what: what was asked for, for errors.
        effects: of what was asked for: of a read nothing may have been done.

    Raises:
        ToolFailed, NotFound: it is none; the text says what Home Assistant said.
    """
    if answer.ok:
        return answer
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise ToolFailed(
            f"{NAME} refuses the gateway's token (401), so nothing was done; its operator must set "
            "services.homeassistant.token to a valid long-lived access token of an administrator"
        )
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        raise ToolFailed(
            f"{NAME} redirects elsewhere ({answer.status}), which is not followed; its operator "
            "must set services.homeassistant.url to the final address"
        )
    if answer.status in NOT_REACHED and answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
        raise ToolFailed(
            f"a proxy in front of {NAME} answered {answer.status} to {what}: it was not reached, "
            "and nothing was done"
        )
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        part = "; a part of it may have been done" if effects is Effects.WRITE else ""
        raise ToolFailed(f"{NAME} failed at {what} ({answer.status}{said(answer)}){part}")
    refusal = NotFound if answer.status == HTTPStatus.NOT_FOUND else ToolFailed
    raise refusal(f"{NAME} refused {what} ({answer.status}{said(answer)})")


def said(answer: Answer) -> str:
    """Return the words of an error, after a colon, or "" if there are none."""
    try:
        text = msgspec.json.decode(answer.body, type=Message).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    text = clean_text(" ".join(text.split()))
    return f": {text[:SAID_CHARS_MAX]}" if text else ""


class Message(msgspec.Struct):
    """An error, or an answer without data."""

    message: str = ""


def content_of(answer: Answer) -> Any:
    """Return the JSON of an answer, without the credentials in it.

    Raises:
        ValueError: it is none; the text says so to an agent.
    """
    if answer.flaw:
        raise ValueError(f"{NAME} answered {answer.status}, but {answer.flaw}")
    try:
        return without_credentials(answer.json())
    except ValueError:
        raise ValueError(
            f"{NAME} answered {answer.status}, but no JSON; is services.homeassistant.url the "
            "address of Home Assistant itself?"
        ) from None
