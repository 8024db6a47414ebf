"""The Bot API by python-telegram-bot, with errors that say what to do about them.

The library's own rate limiter is not used: it would hold back messages that are out of date by
the time that they go out. Here a 429 pauses the outbox, which then sends the newest state.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpcore
import httpx
from telegram import (
    Bot,
    BotCommand,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyParameters,
    Update,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from agentgate_server.approvals.sending import (
    LaterError,
    RefusedError,
    SendError,
    UnreachableError,
)
from agentgate_server.approvals.telegram.buttons import Rows
from agentgate_server.backends.names import look_names_up
from agentgate_server.config import TelegramConfig

log = logging.getLogger(__name__)

CALL_S = 15.0
"""How long one call may take to connect, and to be answered."""

POLL_S = 50
"""How long Telegram holds a poll open while there is nothing new."""

CONNECTIONS_MAX = 8
LIBRARY = re.compile(r"^(?:Unknown error in HTTP implementation: )?(?:httpx\w*\.)?\w+Error:?")
NOT_MODIFIED = "message is not modified"
GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")
NONSENSE = (
    *(ArithmeticError, AttributeError, LookupError, OSError),
    *(RecursionError, TypeError, ValueError),
)
"""What the library raises where an answer is JSON, but not what the Bot API says."""

CHAT_CLOSED = (
    *("chat not found", "peer_id_invalid", "channel_private", "group chat was deactivated"),
    *("not enough rights", "have no rights", "need administrator rights", "chat_admin_required"),
    *("chat_write_forbidden", "chat_restricted", "chat_send_", "user_banned_in_channel"),
    *("bot was kicked", "bot was blocked", "bot is not a member", "user is deactivated"),
    *("topic_closed", "topic_deleted", "message thread not found"),
)
"""Refusals that are the chat's, or its topic's, and no message's: what is refused now is not when
somebody has changed that. Others are taken for the message's own, and tried again all the same."""


class BlockedError(SendError):
    """Somebody must change something; then it is worth another try."""


class MovedError(SendError):
    """The group became a supergroup.

    Attributes:
        chat_id: its new id.
    """

    def __init__(self, chat_id: int) -> None:
        super().__init__(f"the group has a new id: set messenger.telegram.chat_id to {chat_id}")
        self.chat_id = chat_id


class GoneError(SendError):
    """There is no such message of ours any more."""


class Api:
    """The calls that the channel makes. Each may raise any :class:`SendError`.

    Args:
        config: which bot, and where its API is.

    Raises:
        RuntimeError: the event loop is not asyncio's, which the library needs.
    """

    def __init__(self, config: TelegramConfig) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("telegram needs asyncio; the gateway runs on another loop") from None
        quiet_the_library()
        os.environ.setdefault("PTB_TIMEDELTA", "1")  # the library warns of its old default
        trusted = {"verify": httpx.create_ssl_context()}  # read once: it takes its time
        self._requests = [
            kind(
                size,
                read_timeout=CALL_S,
                write_timeout=CALL_S,
                connect_timeout=CALL_S,
                httpx_kwargs=trusted,
            )
            for kind, size in ((Polls, 1), (Calls, CONNECTIONS_MAX))
        ]
        polls, calls = self._requests
        base_url = f"{config.base_url}/bot"
        self._bot = Bot(config.token.value, base_url, request=calls, get_updates_request=polls)

    async def close(self) -> None:
        """Close the connections."""
        for request in self._requests:
            await request.shutdown()

    async def prepare(self, commands: Sequence[tuple[str, str]]) -> None:
        """End a webhook, which excludes polling, and tell Telegram what commands there are."""
        with explained():
            await self._bot.delete_webhook()
            await self._bot.set_my_commands([BotCommand(*command) for command in commands])

    async def send(
        self,
        chat_id: int,
        html: str,
        *,
        reply_to: int = 0,
        ask_reply: bool = False,
        thread_id: int = 0,
    ) -> int:
        """Send a message without buttons; returns its id.

        Args:
            chat_id: where.
            html: what.
            reply_to: the message that it answers, or 0.
            ask_reply: let the app open an answer to it.
            thread_id: the topic of a forum; 0: none, or that of the message that it answers.
        """
        with explained():
            message = await self._bot.send_message(
                chat_id,
                html,
                parse_mode=ParseMode.HTML,
                message_thread_id=thread_id or None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_parameters=(
                    ReplyParameters(reply_to, allow_sending_without_reply=True)
                    if reply_to
                    else None
                ),
                reply_markup=ForceReply(selective=True) if ask_reply else None,
            )
            return message.message_id

    async def edit(self, chat_id: int, message_id: int, html: str, rows: Rows) -> None:
        """Make a message say this and have these buttons."""
        keyboard = InlineKeyboardMarkup(
            [[InlineKeyboardButton(b.label, callback_data=b.data) for b in row] for row in rows]
        )
        with explained():
            await self._bot.edit_message_text(
                html,
                chat_id,
                message_id,
                parse_mode=ParseMode.HTML,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_markup=keyboard if rows else None,
            )

    async def take_buttons(self, chat_id: int, message_id: int) -> None:
        """Take the buttons off a message and leave its text."""
        with explained():
            await self._bot.edit_message_reply_markup(chat_id, message_id)

    async def answer(self, query_id: str, text: str, *, alert: bool) -> None:
        """Show the person who tapped a notice, of at most 200 characters."""
        with explained():
            await self._bot.answer_callback_query(query_id, text, show_alert=alert)

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Delete a message."""
        with explained():
            await self._bot.delete_message(chat_id, message_id)

    async def updates(self, offset: int, *, hold_s: int = POLL_S) -> Sequence[Update]:
        """Wait for what people do.

        Args:
            offset: all updates below it are confirmed by this.
            hold_s: for how long.
        """
        with explained():
            return await self._bot.get_updates(
                offset,
                timeout=hold_s,
                allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY],
            )


class Calls(HTTPXRequest):
    """The connections for calls; a name server that is silent holds up nobody who stops."""

    def _build_client(self) -> httpx.AsyncClient:
        client = super()._build_client()
        look_names_up(client, httpcore)
        return client


class Polls(Calls):
    """The connection for polls. An update that the library cannot read must not keep away those
    that came with it, nor come again for ever."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Parse an answer; of an update that is none, only its number is left."""
        answer = HTTPXRequest.parse_json_payload(payload)
        found = answer.get("result")
        if isinstance(found, list):
            answer["result"] = [
                update if is_update(update) else {"update_id": update["update_id"]}
                for update in found
                if isinstance(update, dict) and type(update.get("update_id")) is int
            ]
        return answer


def is_update(update: dict[str, Any]) -> bool:
    """Whether the library can read an update."""
    try:
        Update.de_json(dict(update), None)
    except NONSENSE as error:
        log.warning("an update of Telegram was passed over: it cannot be read (%s)", error)
        return False
    return True


@contextmanager
def explained() -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except RetryAfter as error:
        wait = error.retry_after
        seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
        raise LaterError("Telegram", seconds) from None
    except ChatMigrated as error:
        raise MovedError(error.new_chat_id) from None
    except InvalidToken:  # its text may hold the token
        raise BlockedError("the bot is unknown: check messenger.telegram.token") from None
    except Conflict as error:
        text = f"another program uses the bot, stop it or make a bot of its own ({error.message})"
        raise BlockedError(text) from None
    except Forbidden as error:
        raise BlockedError(f"the bot may not write there: {error.message}") from None
    except BadRequest as error:
        explain_bad_request(error.message)
    except TelegramError as error:
        raise UnreachableError(reason(error.message)) from None
    except NONSENSE as error:
        text = f"what answers is not Telegram's Bot API, or of another version ({error!r})"
        raise UnreachableError(text) from None


def reason(message: str) -> str:
    """Say why Telegram is not reached, without the names that libraries have for it: ``/health``
    shows it to everybody."""
    words = LIBRARY.sub("", message).strip(" ()'\"")
    return f"no answer from Telegram ({words})" if words else "no answer from Telegram"


def explain_bad_request(message: str) -> None:
    """Raise what a "Bad Request" means, unless it means that all is well."""
    text = message.lower()
    if NOT_MODIFIED in text:
        return  # the message says so already: an earlier try arrived
    if any(sign in text for sign in GONE):
        raise GoneError(message)
    if any(sign in text for sign in CHAT_CLOSED):
        where = "messenger.telegram.chat_id, message_thread_id"
        raise BlockedError(f"check {where} and the bot's rights in the chat: {message}")
    raise RefusedError(message)


def quiet_the_library() -> None:
    """Keep the token, which is in every URL, and people's codes out of the logs."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("telegram").setLevel(logging.CRITICAL + 1)
