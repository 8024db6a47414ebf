"""The clients: which version, how each is configured, how each is run without a person.

Each gets a home of its own, so that nothing of this machine's user is seen or changed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mcp.node22 import node22

PLATFORM = "linux-x64"
"""Whose programs are run: those that the packages' own scripts would choose here."""

MODEL = "stand-in"
CLAUDE_VERSION = "2.1.332"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client runs.

    Attributes:
        folder: its home and its working folder.
        modules: the folder of the npm packages.
        models: the URL of the stand-in for its model.
        gate: the URL of the gate's MCP face; "": by ``command``.
        token: of the agent.
        command: starts the gate's MCP server over stdio, if there is no URL.
        limit_s: how long the client lets a call take, where it can be told.
        arguments: further ones of the client.
    """

    folder: Path
    modules: Path
    models: str
    gate: str
    token: str
    command: tuple[str, ...] = ()
    limit_s: int = 0
    arguments: tuple[str, ...] = ()

    @property
    def work(self) -> Path:
        """Its working folder."""
        folder = self.folder / "work"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def node(self) -> Path:
        """The program that runs them."""
        return Path(node22(self.modules.parent))


@dataclass(frozen=True, slots=True)
class Program:
    """One client.

    Attributes:
        name: of the client.
        package: its npm package, with the version that is tried.
        configure: writes its configuration into its home, and returns its command line and
            environment.
    """

    name: str
    package: str
    configure: Callable[[Place], tuple[list[str], dict[str, str]]] = field(repr=False)

    def start(self, place: Place) -> subprocess.Popen[str]:
        """Run it; its output is in ``out.txt`` and ``err.txt``."""
        command, environment = self.configure(place)
        base = {**base_environment(place), "NO_COLOR": "1", "CI": "1"}
        with (
            (place.folder / "out.txt").open("w") as out,
            (place.folder / "err.txt").open("w") as err,
        ):
            return subprocess.Popen(
                command,
                env={**base, **environment},
                cwd=place.work,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            )


def base_environment(place: Place) -> dict[str, str]:
    """What every client gets."""
    return {
        "PATH": f"{place.node.parent}:{os.environ['PATH']}",
        "HOME": str(place.folder),
        "XDG_CONFIG_HOME": str(place.folder / ".config"),
        "XDG_DATA_HOME": str(place.folder / ".local/share"),
        "XDG_CACHE_HOME": str(place.folder / ".cache"),
        "XDG_STATE_HOME": str(place.folder / ".local/state"),
        "LANG": "C.UTF-8",
    }


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a configuration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2))


CLAUDE_KEY = "sk-ant-stand-in"


def claude_program(place: Place) -> str:
    """Where Claude Code is."""
    return str(place.modules / "@anthropic-ai" / f"claude-code-{PLATFORM}" / "claude")


def claude_environment(place: Place) -> dict[str, str]:
    """What Claude Code gets."""
    return {
        "ANTHROPIC_BASE_URL": place.models,
        "ANTHROPIC_API_KEY": CLAUDE_KEY,
        "ENABLE_TOOL_SEARCH": "false",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def claude_options(place: Place) -> list[str]:
    """Tell Claude Code of the gate, and of nothing else."""
    if place.gate:
        server: dict[str, Any] = {
            "type": "http",
            "url": place.gate,
            "headers": {"Authorization": f"Bearer {place.token}"},
        }
    else:
        server = {"command": place.command[0], "args": list(place.command[1:])}
    if place.limit_s:
        server["timeout"] = place.limit_s * 1_000
    write_json(place.work / "mcp.json", {"mcpServers": {"gate": server}})
    own = ("--strict-mcp-config", "--mcp-config", "mcp.json", "--allowedTools", "mcp__gate__*")
    return [*own, *place.arguments]


def claude_code(place: Place) -> tuple[list[str], dict[str, str]]:
    """Claude Code, without its screen."""
    command = [claude_program(place), "-p", "go", *claude_options(place)]
    return command, claude_environment(place)


def claude_at_screen(place: Place) -> tuple[list[str], dict[str, str]]:
    """Claude Code, of somebody who has used it here before."""
    project = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
    settings = {
        "hasCompletedOnboarding": True,
        "lastOnboardingVersion": CLAUDE_VERSION,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [CLAUDE_KEY], "rejected": []},
        "projects": {str(place.work): project},
    }
    write_json(place.folder / ".claude.json", settings)
    environment = {**base_environment(place), **claude_environment(place)}
    return [claude_program(place), *claude_options(place)], environment


def codex(place: Place) -> tuple[list[str], dict[str, str]]:
    """Codex, as ``codex exec``."""
    if place.gate:
        server = f'url = "{place.gate}"\nbearer_token_env_var = "GATE_TOKEN"\n'
    else:
        arguments = json.dumps(list(place.command[1:]))
        server = f'command = "{place.command[0]}"\nargs = {arguments}\n'
    if place.limit_s:
        server += f"tool_timeout_sec = {place.limit_s}\n"
    text = f"""
model = "{MODEL}"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.mock]
name = "mock"
base_url = "{place.models}/v1"
wire_api = "responses"
env_key = "MOCK_KEY"

[mcp_servers.gate]
default_tools_approval_mode = "approve"
{server}
"""
    home = place.folder / ".codex"
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(text)
    program = place.modules / "@openai" / "codex" / "bin" / "codex.js"
    command = [str(place.node), str(program), "exec", "--skip-git-repo-check", "go"]
    return command, {"MOCK_KEY": "x", "GATE_TOKEN": place.token, "CODEX_HOME": str(home)}


def gemini(place: Place) -> tuple[list[str], dict[str, str]]:
    """The Gemini CLI."""
    if place.gate:
        server: dict[str, Any] = {
            "httpUrl": place.gate,
            "headers": {"Authorization": f"Bearer {place.token}"},
        }
    else:
        server = {"command": place.command[0], "args": list(place.command[1:])}
    server["trust"] = True
    if place.limit_s:
        server["timeout"] = place.limit_s * 1_000
    settings = {
        "mcpServers": {"gate": server},
        "security": {
            "auth": {"selectedType": "gemini-api-key"},
            "folderTrust": {"enabled": False},
        },
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
        "telemetry": {"enabled": False},
    }
    write_json(place.folder / ".gemini" / "settings.json", settings)
    package = place.modules / "@google" / "gemini-cli"
    program = package / json.loads((package / "package.json").read_text())["bin"]["gemini"]
    command = [str(place.node), str(program), "-y", "--skip-trust"]
    # Named, because it would have another model choose one
    command += ["-m", "gemini-2.5-pro", "-p", "go"]
    return command, {
        "GEMINI_API_KEY": "stand-in",
        "GOOGLE_GEMINI_BASE_URL": place.models,
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }


def opencode(place: Place) -> tuple[list[str], dict[str, str]]:
    """Opencode, as ``opencode run``."""
    if place.gate:
        server: dict[str, Any] = {
            "type": "remote",
            "url": place.gate,
            "oauth": False,
            "headers": {"Authorization": f"Bearer {place.token}"},
        }
    else:
        server = {"type": "local", "command": list(place.command)}
    server["enabled"] = True
    if place.limit_s:
        server["timeout"] = place.limit_s * 1_000
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "mock",
        "options": {"baseURL": f"{place.models}/v1", "apiKey": "x"},
        "models": {MODEL: {"name": MODEL}},
    }
    settings = {
        "$schema": "https://opencode.ai/config.json",
        "provider": {"mock": provider},
        "model": f"mock/{MODEL}",
        "small_model": f"mock/{MODEL}",
        "mcp": {"gate": server},
        "permission": "allow",
        "autoupdate": False,
        "share": "disabled",
    }
    write_json(place.work / "opencode.json", settings)
    program = place.modules / f"opencode-{PLATFORM}" / "bin" / "opencode"
    return [str(program), "run", "go"], {"OPENCODE_DISABLE_AUTOUPDATE": "1"}


PROGRAMS = {
    each.name: each
    for each in (
        Program("claude", f"@anthropic-ai/claude-code@{CLAUDE_VERSION}", claude_code),
        Program("codex", "@openai/codex@0.171.0", codex),
        Program("gemini", "@google/gemini-cli@0.61.0", gemini),
        Program("opencode", "opencode-ai@1.18.33", opencode),
    )
}
