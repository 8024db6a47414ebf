"""What is not installed with the gateway: how to get it into the environment that it runs in."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

EXTRAS = {
    "mcp": "mcp>=2.3",
    "telegram": "python-telegram-bot>=22",
    "tracing": "opentelemetry-sdk>=1.30",
}
"""The packages behind the extras that a message may ask for; as in ``pyproject.toml``."""

NAME = "agent-gate"


def how_to_install(
    extra: str, prefix: str = sys.prefix, environment: Mapping[str, str] = os.environ
) -> str:
    """Say how to get the package of an extra, by the tool that made this environment.

    By the package's own name, not as ``agent-gate[…]``: that works from any folder, and whatever
    the gateway was installed from.

    Args:
        extra: a key of ``EXTRAS``.
        prefix: the folder of the environment that is meant.
        environment: of this process; it says whether that one is activated.
    """
    package = shlex.quote(EXTRAS[extra])
    python = shlex.quote(str(Path(prefix) / "bin" / "python"))
    if Path(prefix, "pipx_metadata.json").exists():
        return f"pipx inject {NAME} {package}"
    if Path(prefix, "uv-receipt.toml").exists():
        return f"uv pip install --python {python} {package}"
    if prefix in (sys.base_prefix, environment.get("VIRTUAL_ENV")):
        return f"pip install {package}"
    return f"{python} -m pip install {package}"
