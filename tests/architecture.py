"""The house: which folder of ``src`` holds what, and who may import whom.

The tests of the layers check it, and ``docs/architecture.md`` shows it:
``python -m tests.architecture`` writes its tables anew.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "src"
PAGE = ROOT / "docs" / "architecture.md"

Floor = dict[str, str]
"""Folders (``wire/``) and modules (``errors``) that import none of each other, each with what it
holds."""

FLOORS: dict[str, tuple[Floor, ...]] = {
    "agentgate_proto": (
        {
            "faces/": "other wire formats, to native calls and back; what they share",
            "client/": "a client over all its connections: its calls, its schedule",
        },
        {
            "connection/": "one socket's life, seen from either end; events out",
            "audit/": "what the audit says of what happens, and the chain that binds its entries",
            "sessions/": "conversations with models: log, runs, context, budgets",
            "providing/": "tools that connected clients provide, and the calls for them",
        },
        {
            "rpc/": "JSON-RPC 2.0, and what its methods carry",
            "ledger/": "the life of every request, over all connections and restarts",
            "models/": "what models are sent, in each vendor's form, and what they say",
        },
        {
            "wire/": "bytes and what they say: HTTP/1.1 with its doors, WebSocket frames",
            "quotas/": "what each may take: rates, turns, bytes, connections; no one another's",
            "records/": "what is kept: requests, decisions, grants, sessions, usage, the audit",
        },
        {
            "errors/": "one table of error codes, and the exceptions made from it",
            "limits": "every cap and time, each with its reason",
            "principal": "who is on the other end: a name and a role",
            "durations": "how long: `1h30m` to seconds, and back",
            "digest": "what an approval is bound to: the digest of a tool and its arguments",
            "text/": "what a reader sees of a text of others, and what is shown by its number",
        },
    ),
    "agentgate_server": (
        {"gateway": "a gateway as a whole: starts it, serves, shuts it down in order"},
        {
            "checking/": "all that can be said of a gateway's files without starting it",
            "reporting": "what `/health` and `/metrics` say of the parts",
        },
        {
            "conversing": "what sessions are set up with: models, workspaces, budgets",
            "backing": "MCP servers behind the gate: what is accepted of them, their logins",
            "restoring": "backups, and putting one in the place of the store",
            "assembly": "the parts that a configuration names: policy, tools, backends",
            "renewing": "what a reload puts in force beside policy and principals: certificates",
            "pruning": "retention, applied now and then; a look at the disk",
            "opening": "the parts that hold something open: store, listener, threads",
        },
        {"gate/": "the inside: wires connections, ledger, store, tools and people; holds no rules"},
        {"faces/": "what other wire formats need at the edge: who asks, streams, static files"},
        {
            "approvals/": "where people are asked, and how their answers come back",
            "sessions/": "doing what the sessions of the core say; the door that others use",
            "relay/": "the gateways behind this one, as those see them who use them",
        },
        {"config/": "the form of `config.yaml`, its checks, the checked result"},
        {
            "tools/": "what an agent may ask for: where it comes from, how it is run",
            "models/": "asking models, each in its own way",
            "sockets/": "listening, and the pumps between a socket and a connection",
            "observing/": "logs, metrics and traces of what happens",
        },
        {
            "backends/": "what tools talk to, kept apart: a dead one costs only its callers",
            "audit/": "telling the store what to note; reading, verifying and exporting it",
            "identity/": "who is who: tokens, where they are kept, what slows down who guesses",
        },
        {
            "secrets/": "what is secret, and hiding it from people, agents and logs",
            "store/": "the records in a file, written by one thread",
        },
        {"policy/": "whether a request is allowed, denied, or a person is asked; and why"},
        {"documents/": "YAML that knows where each value stands, so that errors name the line"},
        {
            "errors": "what can be wrong with a tool, its arguments, or what it did",
            "extras": "how to get what is not installed with the gateway",
            "version": "which version this is",
        },
    ),
}
"""The floors of a package, from the top. What is on one imports only from floors below."""

INNER: dict[str, Floor] = {
    "agentgate_proto": {
        "faces/agui/": "AG-UI: runs as events for pages, with interrupts that people answer",
        "faces/completions/": "OpenAI's chat completions: the client keeps the conversation",
        "faces/acp/": "the Agent Client Protocol: what editors say, and the bridge to their pipes",
        "faces/consoles/": "people's programs that talk to named agents, directly or through here",
        "faces/engineio/": "Engine.IO 4: sessions over long polling and WebSockets",
        "faces/mcp/": "the Model Context Protocol: what both sides say, and the gate as a server",
        "faces/mcp_backend/": "the same protocol from its other end: the gate as a client",
        "faces/socketio/": "Socket.IO 5 on top of it: namespaces, events, acknowledgements",
    },
    "agentgate_server": {
        "approvals/telegram/": "approvals in a Telegram chat, answered by buttons",
        "approvals/push/": "approvals as notifications with buttons, by whatever service",
        "tools/home_assistant/": "the tools for Home Assistant; what its house tells the policy",
        "tools/http/": "HTTP tools, declared in YAML",
        "tools/mcp/": "servers of MCP: their processes and connections, their tools",
        "tools/provided/": "tools that connected clients provide",
        "tools/patterns/": "regular expressions of users: which of them can't hold up the gateway",
    },
}
"""Folders within those; they belong to the floor of the folder around them."""

OTHERS: Floor = {
    "agent_gate/": "the import name that is promised; re-exports only",
    "agentgate_client/": "the SDK: the core's client on real sockets, for asyncio and trio",
    "agentgate_client/toolkits/": "the gate's tools in the forms of vendors of models",
    "agentgate_client/sync/": "the SDK without `await`: a thread with a loop of its own",
    "agentgate_client/edge/": "devices that ask, act on answers and provide data, offline too",
    "agentgate_names/": (
        "names, for both ends: looked up in threads that hold up nobody; which address answers"
    ),
    "agentgate_relay/": "links to other gateways: a gateway that is another one's client",
    "agentgate_local/": "a gateway in the program's own process, with a client to it",
    "agentgate_cli/": "the command `agent-gate`, one file for each command",
    "agentgate_cli/acp/": "what `agent-gate acp` does between an editor and a gateway",
    "agentgate_cli/chat/": "what `agent-gate chat` shows and asks",
    "agentgate_cli/conformance/": "plays the protocol's vectors against gateways and clients",
    "agentgate_cli/conformance/listen/": (
        "the gateway that tests clients: a stage, and who plays the cases on it"
    ),
    "agentgate_cli/conformance/listen/cases/": "the cases, level by level",
    "agentgate_cli/conformance/gateway/": "what a gateway is given that is tested so",
    "agentgate_cli/conformance/vectors/": "the vectors: what is sent, and what must be answered",
    "agentgate_cli/demo/": "what `agent-gate demo` shows",
    "agentgate_cli/doctor/": "what `agent-gate doctor` tries; `agent-gate init` asks the same",
    "agentgate_cli/edge/": "what `agent-gate edge` reads, runs and says",
    "agentgate_cli/mcp/": "what `agent-gate mcp` serves on a pipe, and writes for MCP clients",
    "agentgate_cli/standins/": "small servers that speak others' protocols, for demo and tests",
    "agentgate_cli/starter/": "what `agent-gate init` writes",
}
"""Folders of the packages that have no floors."""

MARKERS = ("<!-- floors: made from tests/architecture.py -->\n", "<!-- end -->")


def parts_of(package: str) -> dict[str, int]:
    """Return the folders and modules of a package, each with its floor; 0 is the ground."""
    floors = reversed(FLOORS[package])
    return {part: level for level, floor in enumerate(floors) for part in floor}


def tables() -> str:
    """Make the tables of the page."""
    texts = []
    for package, floors in FLOORS.items():
        rows = [f"### `src/{package}/`\n", "| floor | | what it holds |", "| ---: | --- | --- |"]
        for level, floor in zip(range(len(floors) - 1, -1, -1), floors, strict=True):
            number = str(level or "ground")
            for part, text in floor.items():
                rows.append(f"| {number}".rstrip() + f" | `{part}` | {text} |")
                number = ""
                for inner, more in INNER.get(package, {}).items():
                    if inner.startswith(part):
                        rows.append(f"| | `{inner}` | {more} |")
        texts.append("\n".join(rows))
    rows = ["### Beside them\n", "| | what it holds |", "| --- | --- |"]
    rows += [f"| `src/{part}` | {text} |" for part, text in OTHERS.items()]
    return "\n\n".join([*texts, "\n".join(rows)])


def rendered(text: str) -> str:
    """The page with its tables made anew."""
    head, rest = text.split(MARKERS[0])
    tail = rest.split(MARKERS[1])[1]
    return f"{head}{MARKERS[0]}\n{tables()}\n\n{MARKERS[1]}{tail}"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
