"""The Bot API as far as one looks at a bot, without the library that asks people by it.

``init`` looks at a bot before that library need be installed. Nothing here holds up a gateway that
runs on the same bot, but :meth:`Bot.updates`: Telegram gives each update to one listener only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpcore2
import httpx2
import msgspec

from agentgate_server.backends.names import look_names_up

API = "https://api.telegram.org"
CALL_S = 15.0
"""How long one call may take."""

ANSWER_BYTES_MAX = 4_000_000
"""One answer; a hundred updates are at most some hundred kilobytes."""

UPDATES_MAX = 100
"""Updates in one answer, which is Telegram's own cap."""


class BotError(Exception):
    """The Bot API refuses a call.

    Attributes:
        status: 401 an unknown bot, 403 it may not, 404 no bot's token, 409 another one listens.
        description: Telegram's words.
        moved_to: the new id of a group that has become a supergroup; 0: it has not.
    """

    def __init__(self, status: int, description: str, moved_to: int = 0) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.moved_to = moved_to


class NoBotApi(Exception):
    """There was no answer of the Bot API; the text says why, and holds no token."""


class Envelope(msgspec.Struct):
    """What every answer is."""

    ok: bool
    result: Any = None
    error_code: int = 0
    description: str = ""
    parameters: dict[str, Any] = {}


class Bot:
    """One bot, as an async context manager.

    Args:
        token: of the bot; it is in every URL, and in no error.
        base_url: where the Bot API is.

    Attributes:
        date: what time it was for Telegram when it last answered, UTC seconds; None: it did not.
    """

    def __init__(self, token: str, base_url: str = API) -> None:
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log each URL
        self.date: float | None = None
        self._url = f"{base_url}/bot{token}"
        self._client = httpx2.AsyncClient(timeout=CALL_S)
        look_names_up(self._client, httpcore2)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def me(self) -> dict[str, Any]:
        """Who the bot is: ``id``, ``username``."""
        return dict(await self.call("getMe"))

    async def webhook(self) -> str:
        """Where Telegram sends what people do; "": nowhere, it is fetched."""
        return str(dict(await self.call("getWebhookInfo")).get("url", ""))

    async def updates(self, offset: int, hold_s: int) -> list[dict[str, Any]]:
        """Wait for what people write; what is below the offset is not told again."""
        params = {
            "offset": offset,
            "timeout": hold_s,
            "limit": UPDATES_MAX,
            "allowed_updates": '["message"]',
        }
        found = await self.call("getUpdates", params, wait_s=hold_s)
        return [each for each in found if isinstance(each, dict)]

    async def call(
        self, method: str, params: Mapping[str, Any] | None = None, *, wait_s: float = 0
    ) -> Any:
        """Make one call.

        Args:
            method: its name.
            params: its parameters.
            wait_s: for how long Telegram may hold it.

        Raises:
            BotError: it was refused.
            NoBotApi: nothing came that is an answer.
        """
        try:
            status, content = await self._posted(method, params or {}, CALL_S + wait_s)
            envelope = msgspec.json.decode(content, type=Envelope)
        except httpx2.TimeoutException:
            raise NoBotApi("no answer in time") from None
        except httpx2.HTTPError as error:
            raise NoBotApi(words_of(error)) from None
        except msgspec.DecodeError:
            raise NoBotApi("what answers is not the Bot API") from None
        if envelope.ok:
            return envelope.result
        moved_to = envelope.parameters.get("migrate_to_chat_id", 0)
        raise BotError(
            envelope.error_code or status,
            envelope.description,
            moved_to if type(moved_to) is int else 0,
        )

    async def _posted(
        self, method: str, params: Mapping[str, Any], timeout_s: float
    ) -> tuple[int, bytes]:
        """Send a call; return the status and the body, which is read up to the cap."""
        data = {name: str(value) for name, value in params.items()}
        content = bytearray()
        async with self._client.stream(
            "POST", f"{self._url}/{method}", data=data, timeout=timeout_s
        ) as answer:
            self._heard(answer.headers.get("date", ""))
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > ANSWER_BYTES_MAX:
                    raise NoBotApi("the answer is too long for the Bot API")
            return answer.status_code, bytes(content)

    def _heard(self, date: str) -> None:
        """Note what time it is there."""
        try:
            self.date = parsedate_to_datetime(date).timestamp()
        except ValueError:
            self.date = None


def words_of(error: Exception) -> str:
    """Say what happened on the wire; a library's own words may hold the URL, and that the token."""
    text = " ".join(str(error).split())
    return type(error).__name__ if "/bot" in text or not text else text[:200]
