"""The MCP clients that ``agent-gate mcp setup`` knows: where their settings are, and what goes in.

Each has limits of its own for a call that takes long, so both sides are told how long a person may
take: the client, where it can be told, and the gate's side a little less, so that a call ends with
an answer ("a person is asked, ask again") before the client gives it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

VARIABLE = "AGENT_GATE_TOKEN"
INPUT_ID = "agent-gate-token"

HOUR_S = 3_600
MARGIN_S = 60
"""By so much the gate's side ends a wait before the client's limit."""

PATIENT_S = HOUR_S - MARGIN_S
BEATEN_S = 600
"""For clients whose limit each sign of life extends: a model should hear something some time."""
FETCH_S = 280
"""Below the 300 s after which ``fetch`` of Node.js gives up a body."""
SHORT_S = 50
"""Below the 60 s of clients that can't be told otherwise."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a client runs.

    Attributes:
        platform: as ``sys.platform`` has it.
        home: the user's folder.
        variables: of the environment.
    """

    platform: str
    home: Path
    variables: Mapping[str, str]

    def folder(self, variable: str, default: Path) -> Path:
        """A folder that a variable names, if it is set."""
        return Path(self.variables.get(variable) or default)

    @property
    def settings(self) -> Path:
        """Where programs with windows keep their settings."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.folder("APPDATA", self.home / "AppData" / "Roaming")
        return self.folder("XDG_CONFIG_HOME", self.home / ".config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client is to be told.

    Attributes:
        name: of the server, in the client.
        command: the path of ``agent-gate``.
        url: of the gateway, ``ws`` or ``wss``.
        path: of its MCP face.
        token_file: where the token is, for the command.
        ca_file: authorities to trust, or None.
        insecure: the token goes to another machine in clear text, which is meant.
    """

    name: str
    command: str
    url: str
    path: str
    token_file: Path
    ca_file: Path | None = None
    insecure: bool = False

    def args(self, hold_s: int) -> list[str]:
        """The arguments of the command."""
        args = ["mcp", "--url", self.url, "--token-file", str(self.token_file)]
        if self.ca_file is not None:
            args += ["--ca-file", str(self.ca_file)]
        if self.insecure:
            args.append("--insecure")
        return [*args, "--hold", str(hold_s)]

    @property
    def web_url(self) -> str:
        """Where the gateway's MCP face is."""
        parts = urlsplit(self.url)
        scheme = "https" if parts.scheme == "wss" else "http"
        return f"{scheme}://{parts.netloc}{self.path}"


Put = tuple[Sequence[str], Any]
"""Names that lead to a place in the settings, and what is put there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client.

    Attributes:
        title: its name for people.
        file: where its settings of one user are.
        pipe: what goes in for ``agent-gate mcp``; takes the settings that are there.
        web: the same for HTTP; None: it can't send our header.
        pipe_hold_s, web_hold_s: how long the gate's side waits for a person.
        look: how to see that it works.
        hints: what else its owner should know.
        is_toml: otherwise its settings are JSON.
    """

    title: str
    file: Callable[[Machine], Path]
    pipe: Callable[[Wish, Any], Put]
    web: Callable[[Wish, Any], Put] | None
    pipe_hold_s: int
    web_hold_s: int
    look: str
    hints: tuple[str, ...] = ()
    is_toml: bool = False


def claude_code_file(machine: Machine) -> Path:
    """``~/.claude.json`` has a user's servers, wherever Claude Code is started."""
    return machine.folder("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"


def claude_desktop_file(machine: Machine) -> Path:
    """Beside its other settings."""
    return machine.settings / "Claude" / "claude_desktop_config.json"


def codex_file(machine: Machine) -> Path:
    """One for the terminal, the editor and the app."""
    return machine.folder("CODEX_HOME", machine.home / ".codex") / "config.toml"


def gemini_file(machine: Machine) -> Path:
    """Of the user."""
    return machine.home / ".gemini" / "settings.json"


def opencode_file(machine: Machine) -> Path:
    """``.config`` on every system; with comments, if there is such a file."""
    folder = machine.folder("XDG_CONFIG_HOME", machine.home / ".config") / "opencode"
    with_comments = folder / "opencode.jsonc"
    return with_comments if with_comments.exists() else folder / "opencode.json"


def cursor_file(machine: Machine) -> Path:
    """Of the user, for all projects."""
    return machine.home / ".cursor" / "mcp.json"


def vscode_file(machine: Machine) -> Path:
    """Of the user's default profile."""
    return machine.settings / "Code" / "User" / "mcp.json"


def command_of(wish: Wish, hold_s: int) -> dict[str, Any]:
    """Command and arguments apart, as most have it."""
    return {"command": wish.command, "args": wish.args(hold_s)}


def claude_code_pipe(wish: Wish, _: Any) -> Put:
    """Its ``timeout`` is a hard limit, so it is told a long one."""
    limit = {"timeout": HOUR_S * 1000}
    return ("mcpServers", wish.name), {"type": "stdio", **command_of(wish, PATIENT_S), **limit}


def claude_code_web(wish: Wish, _: Any) -> Put:
    """It fills in variables of its environment."""
    headers = {"Authorization": f"Bearer ${{{VARIABLE}}}"}
    entry = {"type": "http", "url": wish.web_url, "headers": headers, "timeout": HOUR_S * 1000}
    return ("mcpServers", wish.name), entry


def claude_desktop_pipe(wish: Wish, _: Any) -> Put:
    """It can't be told how long to wait."""
    return ("mcpServers", wish.name), command_of(wish, SHORT_S)


def codex_pipe(wish: Wish, _: Any) -> Put:
    """Progress does not extend its limit, so it is told a long one."""
    limits = {"startup_timeout_sec": 20, "tool_timeout_sec": HOUR_S}
    return ("mcp_servers", wish.name), {**command_of(wish, PATIENT_S), **limits}


def codex_web(wish: Wish, _: Any) -> Put:
    """It takes the token from a variable, never from the file."""
    entry = {
        "url": wish.web_url,
        "bearer_token_env_var": VARIABLE,
        "startup_timeout_sec": 20,
        "tool_timeout_sec": HOUR_S,
    }
    return ("mcp_servers", wish.name), entry


def gemini_pipe(wish: Wish, _: Any) -> Put:
    """Its ``timeout`` is a hard limit, so it is told a long one."""
    return ("mcpServers", wish.name), {**command_of(wish, PATIENT_S), "timeout": HOUR_S * 1000}


def gemini_web(wish: Wish, _: Any) -> Put:
    """It fills in variables of its environment."""
    headers = {"Authorization": f"Bearer ${VARIABLE}"}
    entry = {"httpUrl": wish.web_url, "headers": headers, "timeout": HOUR_S * 1000}
    return ("mcpServers", wish.name), entry


def opencode_place(wish: Wish, settings: Any, entry: dict[str, Any]) -> Put:
    """Version 2 keeps its servers under ``mcp.servers``, version 1 under ``mcp``."""
    mcp = settings.get("mcp") if isinstance(settings, dict) else None
    servers = mcp.get("servers") if isinstance(mcp, dict) else None
    if isinstance(servers, dict) and "type" not in servers:
        limits = {"startup": 30_000, "request": BEATEN_S * 1000 + MARGIN_S * 1000}
        return ("mcp", "servers", wish.name), {**entry, "timeout": limits}
    return ("mcp", wish.name), {**entry, "enabled": True, "timeout": 60_000}


def opencode_pipe(wish: Wish, settings: Any) -> Put:
    """Each sign of progress extends its limit."""
    entry = {"type": "local", "command": [wish.command, *wish.args(BEATEN_S)]}
    return opencode_place(wish, settings, entry)


def opencode_web(wish: Wish, settings: Any) -> Put:
    """It fills in variables of its environment; without ``oauth: false`` a wrong token makes it
    look for a login."""
    headers = {"Authorization": f"Bearer {{env:{VARIABLE}}}"}
    entry = {"type": "remote", "url": wish.web_url, "headers": headers, "oauth": False}
    return opencode_place(wish, settings, entry)


def cursor_pipe(wish: Wish, _: Any) -> Put:
    """It can't be told how long to wait."""
    return ("mcpServers", wish.name), {"type": "stdio", **command_of(wish, SHORT_S)}


def cursor_web(wish: Wish, _: Any) -> Put:
    """It fills in variables of its environment."""
    headers = {"Authorization": f"Bearer ${{env:{VARIABLE}}}"}
    return ("mcpServers", wish.name), {"url": wish.web_url, "headers": headers}


def vscode_pipe(wish: Wish, _: Any) -> Put:
    """It can't be told how long to wait."""
    return ("servers", wish.name), {"type": "stdio", **command_of(wish, SHORT_S)}


def vscode_web(wish: Wish, _: Any) -> Put:
    """It asks for the token once, and keeps it where it keeps secrets (see ``inputs_with``)."""
    headers = {"Authorization": f"Bearer ${{input:{INPUT_ID}}}"}
    return ("servers", wish.name), {"type": "http", "url": wish.web_url, "headers": headers}


def inputs_with(settings: Any) -> list[Any]:
    """VS Code's questions to its user, with ours among them."""
    there = settings.get("inputs") if isinstance(settings, dict) else None
    kept = [each for each in there if not is_ours(each)] if isinstance(there, list) else []
    ours = {
        "type": "promptString",
        "id": INPUT_ID,
        "description": "Token of agent-gate",
        "password": True,
    }
    return [*kept, ours]


def is_ours(question: Any) -> bool:
    """Whether this is our question."""
    return isinstance(question, dict) and question.get("id") == INPUT_ID


PERMIT_HINT = (
    "its own Bash and Write can be asked about, too: faces.mcp.permit in config.yaml, and "
    "claude -p --permission-prompt-tool mcp__NAME__permit --allowedTools 'mcp__NAME__*'"
)
CODEX_ASKS = (
    "codex exec calls no tool that it would have to ask about: "
    'default_tools_approval_mode = "approve" leaves the asking to the gate'
)
GUI_PATH = "it is started again as a whole, not only its window, before it reads its settings"

CLIENTS: dict[str, Client] = {
    "claude-code": Client(
        title="Claude Code",
        file=claude_code_file,
        pipe=claude_code_pipe,
        web=claude_code_web,
        pipe_hold_s=PATIENT_S,
        web_hold_s=PATIENT_S,
        look="claude mcp list",
        hints=(
            "end running sessions first: Claude Code writes this file, too",
            PERMIT_HINT,
        ),
    ),
    "claude-desktop": Client(
        title="Claude Desktop",
        file=claude_desktop_file,
        pipe=claude_desktop_pipe,
        web=None,
        pipe_hold_s=SHORT_S,
        web_hold_s=SHORT_S,
        look="start it again, then Settings, Developer",
        hints=(GUI_PATH,),
    ),
    "codex": Client(
        title="Codex",
        file=codex_file,
        pipe=codex_pipe,
        web=codex_web,
        pipe_hold_s=PATIENT_S,
        web_hold_s=PATIENT_S,
        look="codex mcp list, and /mcp in a session",
        hints=(CODEX_ASKS,),
        is_toml=True,
    ),
    "gemini": Client(
        title="Gemini CLI",
        file=gemini_file,
        pipe=gemini_pipe,
        web=gemini_web,
        pipe_hold_s=PATIENT_S,
        web_hold_s=FETCH_S,
        look="gemini mcp list, and /mcp in a session",
        hints=('"trust": true in this entry leaves the asking to the gate',),
    ),
    "opencode": Client(
        title="opencode",
        file=opencode_file,
        pipe=opencode_pipe,
        web=opencode_web,
        pipe_hold_s=BEATEN_S,
        web_hold_s=BEATEN_S,
        look="opencode mcp list",
    ),
    "cursor": Client(
        title="Cursor",
        file=cursor_file,
        pipe=cursor_pipe,
        web=cursor_web,
        pipe_hold_s=SHORT_S,
        web_hold_s=SHORT_S,
        look="Cursor Settings, MCP: the server is green and lists tools",
        hints=(GUI_PATH,),
    ),
    "vscode": Client(
        title="VS Code",
        file=vscode_file,
        pipe=vscode_pipe,
        web=vscode_web,
        pipe_hold_s=SHORT_S,
        web_hold_s=SHORT_S,
        look="MCP: List Servers in the command palette",
    ),
}
