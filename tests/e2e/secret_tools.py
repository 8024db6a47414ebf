"""Tools that give away whatever they can, for ``test_secrets_stay_secret``."""

from __future__ import annotations

import base64
import logging
import os
from urllib.parse import quote

from agentgate_server import tool

log = logging.getLogger("house.secrets")


def everything() -> str:
    """Every secret that this process knows, in clear and encoded."""
    secrets = [value for name, value in os.environ.items() if name.startswith("LEAK_")]
    forms = [form for text in secrets for form in (text, quote(text), base64_of(text), repr(text))]
    return " | ".join(forms)


def base64_of(text: str) -> str:
    return base64.b64encode(f"user:{text}".encode()).decode()


@tool(effects="read")
def tell() -> dict[str, str]:
    """Return all secrets."""
    return {"all": everything()}


@tool(effects="read", inline=True)
def fail(password: str) -> str:
    """Fail with all secrets in the text, and those of the call."""
    log.warning("failing with %s", password, extra={"url": f"https://x/?token={password}"})
    raise ValueError(f"cannot log in with {password}: {everything()}")


@tool
async def arm(code: str, note: str = "") -> str:
    """Arm the alarm; asked about."""
    raise RuntimeError(f"code {code} is wrong, says {everything()}") from ValueError(code)


@tool(effects="read")
def odd(api_key: str) -> object:
    """Return what JSON can't say, and what says so is a secret."""

    class Odd:
        def __repr__(self) -> str:
            return f"{api_key} {everything()}"

    return {Odd(): Odd()}
