"""Telegram, tried: is it the bot, does it reach the chat, may somebody there answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentgate_cli.doctor.bot import Bot, BotError, NoBotApi
from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_server.config import Config, TelegramConfig
    from agentgate_server.policy.linting import Finding

UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
GONE = frozenset({"left", "kicked"})
"""How Telegram calls those who are no members of a group."""

RENEWED = (
    "copy the token again from @BotFather (/mybots, API Token) into TELEGRAM_TOKEN in .env, and "
    "restart the gateway"
)
ID_STEP = (
    "send the bot /start there while the gateway runs: it tells the id for "
    "messenger.telegram.chat_id; then restart the gateway"
)


async def reach_telegram(patient: Patient, config: Config) -> Report:
    """Try what the configuration says of Telegram."""
    if config.messenger is None or config.messenger.telegram is None:
        return Report()
    report = await try_chat(config.messenger.telegram)
    if report.date is not None:
        patient.dates["Telegram"] = report.date
    return report


async def try_bot(token: str, base_url: str) -> Report:
    """Try a token alone."""
    async with Bot(token, base_url) as bot:
        try:
            name = await name_of(bot)
            findings = await webhook_of(bot, name)
        except (BotError, NoBotApi) as error:
            return Report(findings=(explained(error, base_url),), date=bot.date)
        return Report(f"the bot is @{name}", findings, bot.date, name)


async def try_chat(config: TelegramConfig) -> Report:
    """Try the token, the chat, and the people."""
    async with Bot(config.token.value, config.base_url) as bot:
        try:
            name = await name_of(bot)
            findings = [*await webhook_of(bot, name)]
            if not config.chat_id:
                findings.append(doubtful("no chat is set, so nobody is asked there", ID_STEP))
                return Report(f"the bot is @{name}", tuple(findings), bot.date, name)
            chat, trouble = await chat_of(bot, config, name)
            findings += trouble
            if not trouble:
                findings += await people_of(bot, config, chat)
        except (BotError, NoBotApi) as error:
            return Report(findings=(explained(error, config.base_url),), date=bot.date)
        where = printable(str(chat.get("title") or chat.get("first_name") or config.chat_id))
        return Report(f"@{name} can write to {where}", tuple(findings), bot.date, name)


async def name_of(bot: Bot) -> str:
    """What the bot is called."""
    return printable(str((await bot.me()).get("username", "?")))


async def webhook_of(bot: Bot, name: str) -> tuple[Finding, ...]:
    """A webhook is another program's, which the gateway would cut off."""
    url = await bot.webhook()
    if not url:
        return ()
    host = printable(urlsplit(url).hostname or "another program")
    return (
        doubtful(
            f"@{name} has a webhook to {host}: what people tap goes there, until a gateway starts "
            "and ends it",
            "make a bot of its own with @BotFather (/newbot), unless that program is no more",
        ),
    )


async def chat_of(
    bot: Bot, config: TelegramConfig, name: str
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Whether the bot is in the chat, and may write there: "typing" needs the same rights."""
    params: dict[str, Any] = {"chat_id": config.chat_id}
    try:
        chat = dict(await bot.call("getChat", params))
        if config.message_thread_id:
            params["message_thread_id"] = config.message_thread_id
        await bot.call("sendChatAction", {**params, "action": "typing"})
    except BotError as error:
        if error.status == UNAUTHORIZED:
            raise
        return {}, (explained_chat(error, config, name),)
    return chat, ()


async def people_of(bot: Bot, config: TelegramConfig, chat: dict[str, Any]) -> list[Finding]:
    """Whether those who may answer are there to be asked."""
    key = "messenger.telegram.allowed_users"
    if not config.names:
        step = f"add the person's id to {key}; the bot tells it to whoever sends it /start"
        return [broken("nobody may answer there", step)]
    if chat.get("type") == "private":
        if config.chat_id in config.names:
            return []
        text = f"the chat is {config.chat_id}'s own, who may not answer"
        return [broken(text, f"add {config.chat_id} to {key}, or set chat_id to who may answer")]
    return [each for user in config.names if (each := await absent(bot, config, user))]


async def absent(bot: Bot, config: TelegramConfig, user: int) -> Finding | None:
    """Somebody who may answer, and does not see what is asked."""
    try:
        params = {"chat_id": config.chat_id, "user_id": user}
        status = dict(await bot.call("getChatMember", params)).get("status")
    except BotError as error:
        if error.status == UNAUTHORIZED:
            raise
        status = "left"
    if status not in GONE:
        return None
    text = f"{printable(config.names[user])} may answer, and is not in the group"
    step = f"add them to the group, or take {user} out of messenger.telegram.allowed_users"
    return doubtful(text, step)


def explained(error: BotError | NoBotApi, base_url: str) -> Finding:
    """Say what a failed call means for the bot."""
    host = urlsplit(base_url).netloc
    if isinstance(error, NoBotApi):
        step = (
            f"see whether this machine reaches it: curl -sS {base_url} (a name server, a firewall, "
            "HTTPS_PROXY); asks wait meanwhile, and other ways to answer work"
        )
        return broken(f"Telegram can't be reached at {host}: {printable(str(error))}", step)
    if error.status in (UNAUTHORIZED, NOT_FOUND):
        return broken("Telegram knows no bot with this token", RENEWED)
    words = printable(error.description)
    return broken(f"Telegram refuses ({error.status}): {words}", "try again in some minutes")


def explained_chat(error: BotError, config: TelegramConfig, name: str) -> Finding:
    """Say what a refusal means for the chat."""
    words = printable(error.description)
    text = error.description.lower()
    if error.moved_to:
        step = f"set messenger.telegram.chat_id to {error.moved_to}, and restart the gateway"
        return broken("the group has become a supergroup, with a new id", step)
    if "blocked" in text:
        step = f"open https://t.me/{name} as that person, and tap Restart (or Unblock)"
        return broken("the person of this chat has blocked the bot", step)
    if "kicked" in text or "not a member" in text:
        return broken("the bot is not in the group", f"add @{name} to the group again")
    if "chat not found" in text or "peer_id_invalid" in text:
        return broken(f"the bot knows no chat {config.chat_id}", ID_STEP)
    if "thread not found" in text or "topic" in text:
        step = "reopen the topic, or correct messenger.telegram.message_thread_id"
        return broken(f"the topic can't be written to: {words}", step)
    if error.status == FORBIDDEN or "rights" in text or "restricted" in text:
        step = f"let @{name} write in the group: its permissions, or make it an administrator"
        return broken(f"the bot may not write there: {words}", step)
    return broken(f"Telegram refuses the chat: {words}", ID_STEP)
