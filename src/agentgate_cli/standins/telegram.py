"""A stand-in for Telegram: speaks the Bot API over real HTTP, and keeps what people would see.

For the demo and the tests; it can fail in all the ways in which the real one does::

    async with TelegramStandIn() as telegram:
        telegram.chats.add_person(42, "Ann")
        # a gateway with messenger.telegram.base_url = telegram.url asks …
        (message,) = telegram.chats.with_buttons(42)
        telegram.chats.tap(42, message, "Approve")
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qs

import anyio

from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    HttpServer,
    json_response,
)
from agentgate_cli.standins.telegram_chats import Button, Chats, Message, Row
from agentgate_cli.standins.telegram_html import HtmlError, length_of, parse_html

BOT_ID = 110201543
BOT = {"id": BOT_ID, "is_bot": True, "first_name": "Gate", "username": "gate_bot"}
EXAMPLE_BOT = f"{BOT_ID}:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
"""The token that Telegram's own documentation shows: it opens nothing."""

TEXT_MAX = 4096
ANSWER_MAX = 200
CALLBACK_DATA_BYTES_MAX = 64
Params = dict[str, str]


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks before anything is done."""


@dataclass(frozen=True, slots=True)
class Lose:
    """It is done, and the connection breaks before the answer."""


@dataclass(frozen=True, slots=True)
class Twice:
    """It is done twice, as by a proxy that repeats a request; the second answer comes."""


@dataclass(frozen=True, slots=True)
class Delay:
    """It is done after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is refused: 429 with ``retry_after`` seconds, 400 because the group has moved, 500 …"""

    status: int
    description: str
    retry_after: int = 0
    migrate_to_chat_id: int = 0


Fault = Drop | Lose | Twice | Delay | Refuse
Rule = Callable[[str, Params], Fault | None]


class ApiError(Exception):
    """The Bot API refuses a call."""

    def __init__(self, status: int, description: str, moved_to: int = 0) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = {"migrate_to_chat_id": moved_to}


class TelegramStandIn:
    """The server, as an async context manager.

    Args:
        token: of the only bot that there is.
        port: where on the loopback address; 0: any free port.

    Attributes:
        chats: what people see and do.
        faults: what goes wrong with the next calls, by method; used up from the left.
        rule: what goes wrong with every call for which it returns a fault; asked after ``faults``.
        deliver_twice: every update comes twice, in one answer and in the next.
        calls: how often each method was called, faults included.
        commands: what ``setMyCommands`` said.
    """

    def __init__(self, token: str = EXAMPLE_BOT, port: int = 0) -> None:
        self.token = token
        self.chats = Chats(BOT, self._updated)
        self.faults: dict[str, deque[Fault]] = {}
        self.rule: Rule | None = None
        self.deliver_twice = False
        self.calls: dict[str, int] = {}
        self.commands: list[dict[str, str]] = []
        self.webhook = ""
        self._server = HttpServer(self._answer, port)
        self._updates: list[dict[str, Any]] = []
        self._confirmed: list[dict[str, Any]] = []
        self._update_ids = count(500_000_001)
        self._news = anyio.Event()
        self._poll = 0

    @property
    def url(self) -> str:
        """What goes into ``messenger.telegram.base_url``."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.__aexit__(*exc_info)

    def fail_next(self, method: str, *faults: Fault) -> None:
        """Let these faults happen to the next calls of a method, one each."""
        self.faults.setdefault(method, deque()).extend(faults)

    # HTTP

    async def _answer(self, request: HttpRequest) -> HttpResponse | None:
        bot, method = (*request.segments, "", "")[:2]
        params = {
            name: values[-1]
            for name, values in parse_qs(request.body.decode(), keep_blank_values=True).items()
        }
        if bot != f"bot{self.token}":
            return refusal(401, "Unauthorized")
        self.calls[method] = self.calls.get(method, 0) + 1
        fault = self._fault(method, params)
        match fault:
            case Drop():
                return None
            case Refuse():
                parameters = {
                    "retry_after": fault.retry_after,
                    "migrate_to_chat_id": fault.migrate_to_chat_id,
                }
                return refusal(fault.status, fault.description, parameters)
            case Delay(seconds):
                await anyio.sleep(seconds)
            case Twice():
                await self._perform(method, params)
        response = await self._perform(method, params)
        return None if isinstance(fault, Lose) else response

    def _fault(self, method: str, params: Params) -> Fault | None:
        planned = self.faults.get(method)
        if planned:
            return planned.popleft()
        return self.rule(method, params) if self.rule is not None else None

    async def _perform(self, method: str, params: Params) -> HttpResponse:
        try:
            if method == "getUpdates":
                result: Any = await self._get_updates(params)
            elif method in METHODS:
                result = METHODS[method](self, params)
            else:
                raise ApiError(404, "Not Found: method not found")
        except ApiError as error:
            return refusal(error.status, error.description, error.parameters)
        return json_response({"ok": True, "result": result})

    # Updates

    def _updated(self, payload: dict[str, Any]) -> None:
        self._updates.append({"update_id": next(self._update_ids), **payload})
        self._news.set()

    async def _get_updates(self, params: Params) -> list[dict[str, Any]]:
        """Long poll: https://core.telegram.org/bots/api#getupdates."""
        if self.webhook:
            raise ApiError(409, "Conflict: can't use getUpdates method while webhook is active")
        self._poll += 1
        mine = self._poll
        self._news.set()  # the poll before this one ends
        offset, again = int(params.get("offset", "0")), self._confirmed
        self._confirmed = [update for update in self._updates if update["update_id"] < offset]
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        with anyio.move_on_after(float(params.get("timeout", "0"))):
            while not self._updates and mine == self._poll:
                self._news = anyio.Event()
                await self._news.wait()
        if mine != self._poll:
            text = "Conflict: terminated by other getUpdates request; make sure that only one bot"
            raise ApiError(409, f"{text} instance is running")
        found = self._updates[: int(params.get("limit", "100"))]
        return [*again, *self._confirmed, *found, *found] if self.deliver_twice else found

    # Methods

    def send_message(self, params: Params) -> dict[str, Any]:
        """https://core.telegram.org/bots/api#sendmessage"""
        chat_id = self._chat(params)
        thread_id = int(params.get("message_thread_id", "0"))
        if (chat_id, thread_id) in self.chats.closed:
            raise ApiError(400, "Bad Request: TOPIC_CLOSED")
        text, entities = read_text(params)
        reply = json.loads(params.get("reply_parameters", "{}"))
        reply_to = int(reply.get("message_id", 0))
        message = self.chats.add(chat_id, BOT_ID, text, entities, read_rows(params), reply_to)
        message.thread_id = thread_id
        return self.chats.shown(message)

    def edit_message_text(self, params: Params) -> dict[str, Any]:
        """https://core.telegram.org/bots/api#editmessagetext"""
        message = self._own(params)
        text, entities = read_text(params)
        rows = read_rows(params)
        if (text, entities, rows) == (message.text, message.entities, message.rows):
            raise ApiError(400, NOT_MODIFIED)
        message.text, message.entities, message.rows = text, entities, rows
        message.versions.append(text)
        return self.chats.shown(message)

    def edit_reply_markup(self, params: Params) -> dict[str, Any]:
        """https://core.telegram.org/bots/api#editmessagereplymarkup"""
        message = self._own(params)
        rows = read_rows(params)
        if rows == message.rows:
            raise ApiError(400, NOT_MODIFIED)
        message.rows = rows
        return self.chats.shown(message)

    def answer_callback_query(self, params: Params) -> bool:
        """https://core.telegram.org/bots/api#answercallbackquery"""
        tap = self.chats.taps.get(params["callback_query_id"])
        if tap is None:
            raise ApiError(400, "Bad Request: query is too old and response timeout expired or ID")
        if length_of(params.get("text", "")) > ANSWER_MAX:
            raise ApiError(400, "Bad Request: MESSAGE_TOO_LONG")
        tap.answers.append(params.get("text", ""))
        tap.alert = params.get("show_alert") == "true"
        return True

    def delete_message(self, params: Params) -> bool:
        """https://core.telegram.org/bots/api#deletemessage"""
        key = (int(params["chat_id"]), int(params["message_id"]))
        message = self.chats.messages.get(key)
        if message is None or message.deleted:
            raise ApiError(400, "Bad Request: message to delete not found")
        message.deleted = True
        return True

    def _chat(self, params: Params) -> int:
        """The chat that a call is about."""
        chat_id = int(params["chat_id"])
        if moved_to := self.chats.moved.get(chat_id):
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, text, moved_to)
        if chat_id not in self.chats.kinds:
            raise ApiError(400, "Bad Request: chat not found")
        return chat_id

    def _own(self, params: Params) -> Message:
        """The bot's message that a call wants to edit."""
        key = (self._chat(params), int(params["message_id"]))
        message = self.chats.messages.get(key)
        if message is None or message.deleted:
            raise ApiError(400, "Bad Request: message to edit not found")
        if message.sender_id != BOT_ID:
            raise ApiError(400, "Bad Request: message can't be edited")
        return message

    def get_me(self, params: Params) -> dict[str, Any]:
        """https://core.telegram.org/bots/api#getme"""
        return BOT

    def set_my_commands(self, params: Params) -> bool:
        """https://core.telegram.org/bots/api#setmycommands"""
        self.commands = json.loads(params["commands"])
        return True

    def delete_webhook(self, params: Params) -> bool:
        """https://core.telegram.org/bots/api#deletewebhook"""
        self.webhook = ""
        return True

    def get_webhook_info(self, params: Params) -> dict[str, Any]:
        """https://core.telegram.org/bots/api#getwebhookinfo"""
        return {"url": self.webhook, "pending_update_count": len(self._updates)}

    def get_chat(self, params: Params) -> dict[str, Any]:
        """https://core.telegram.org/bots/api#getchat"""
        return self.chats.about(self._chat(params))

    def get_chat_member(self, params: Params) -> dict[str, Any]:
        """https://core.telegram.org/bots/api#getchatmember"""
        chat_id, user_id = self._chat(params), int(params["user_id"])
        user = self.chats.people.get(user_id)
        if user is None:
            raise ApiError(400, "Bad Request: PARTICIPANT_ID_INVALID")
        left = (chat_id, user_id) in self.chats.left
        return {"user": user, "status": "left" if left else "member"}

    def send_chat_action(self, params: Params) -> bool:
        """https://core.telegram.org/bots/api#sendchataction"""
        chat_id = self._chat(params)
        if chat_id in self.chats.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if (chat_id, int(params.get("message_thread_id", "0"))) in self.chats.closed:
            raise ApiError(400, "Bad Request: TOPIC_CLOSED")
        return True


NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are"
    " exactly the same as a current content and reply markup of the message"
)

METHODS: dict[str, Callable[[TelegramStandIn, Params], Any]] = {
    "getMe": TelegramStandIn.get_me,
    "sendMessage": TelegramStandIn.send_message,
    "editMessageText": TelegramStandIn.edit_message_text,
    "editMessageReplyMarkup": TelegramStandIn.edit_reply_markup,
    "answerCallbackQuery": TelegramStandIn.answer_callback_query,
    "deleteMessage": TelegramStandIn.delete_message,
    "setMyCommands": TelegramStandIn.set_my_commands,
    "deleteWebhook": TelegramStandIn.delete_webhook,
    "getWebhookInfo": TelegramStandIn.get_webhook_info,
    "getChat": TelegramStandIn.get_chat,
    "getChatMember": TelegramStandIn.get_chat_member,
    "sendChatAction": TelegramStandIn.send_chat_action,
}


def read_text(params: Params) -> tuple[str, list[Any]]:
    """The text of a message and its styles."""
    text, entities = params.get("text", ""), list[Any]()
    if params.get("parse_mode") == "HTML":
        try:
            text, entities = parse_html(text)
        except HtmlError as error:
            raise ApiError(400, f"Bad Request: can't parse entities: {error}") from None
    if not text.strip():
        raise ApiError(400, "Bad Request: message text is empty")
    if length_of(text) > TEXT_MAX:
        raise ApiError(400, "Bad Request: message is too long")
    return text, entities


def read_rows(params: Params) -> list[Row]:
    """The buttons of a message."""
    markup = json.loads(params.get("reply_markup", "{}"))
    rows = [
        [Button(button["text"], button["callback_data"]) for button in row]
        for row in markup.get("inline_keyboard", ())
    ]
    for row in rows:
        for button in row:
            if not 1 <= len(button.data.encode()) <= CALLBACK_DATA_BYTES_MAX:
                raise ApiError(400, "Bad Request: BUTTON_DATA_INVALID")
    return rows


def refusal(
    status: int, description: str, parameters: dict[str, int] | None = None
) -> HttpResponse:
    """An error as the Bot API says it."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    given = {name: value for name, value in (parameters or {}).items() if value}
    if given:
        body["parameters"] = given
    return json_response(body, status)
