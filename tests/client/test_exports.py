"""What users import, and what that imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import agentgate_client


@pytest.mark.seed001("FR7-AC1")
def test_the_client_is_imported_from_agent_gate() -> None:
    from agent_gate import AgentGateClient

    assert AgentGateClient is agentgate_client.AgentGateClient


@pytest.mark.seed001("FR7-AC2", "FR6-AC1", "FR6-AC2", "FR6-AC3", "FR6-AC4")
def test_the_errors_are_imported_from_agent_gate_and_form_a_hierarchy() -> None:
    from agent_gate import (
        AgentGateConnectionError,
        AgentGateDenied,
        AgentGateError,
        AgentGateTimeout,
    )

    error = AgentGateError(-32004, "Tool failed")
    assert (error.code, error.message, str(error)) == (
        -32004,
        "Tool failed",
        "Tool failed (-32004)",
    )
    for kind in (AgentGateDenied, AgentGateTimeout, AgentGateConnectionError):
        assert issubclass(kind, AgentGateError)


def test_everything_that_is_promised_is_there() -> None:
    import agent_gate

    for package in (agent_gate, agentgate_client):
        assert all(hasattr(package, name) for name in package.__all__)
        assert package.__file__ is not None
        assert Path(package.__file__).with_name("py.typed").exists()


@pytest.mark.seed001("NFR1-AC1")
def test_the_sdk_imports_only_what_a_client_needs() -> None:
    allowed = sys.stdlib_module_names | {
        *("agent_gate", "agentgate_client", "agentgate_names", "agentgate_proto"),
        *("anyio", "h11", "idna", "msgspec", "wsproto"),
    }
    source = Path(agentgate_client.__file__).parents[1]
    files = [
        file
        for package in ("agent_gate", "agentgate_client", "agentgate_names", "agentgate_proto")
        for file in (source / package).rglob("*.py")
    ]
    assert len(files) > 30
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            own = {"langchain_core"} if file.name == "langchain.py" else set()
            assert {name.partition(".")[0] for name in names} <= allowed | own, file


def test_importing_the_client_starts_nothing_and_loads_no_server() -> None:
    code = "import sys, agent_gate; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "agentgate_client.client" in loaded
    assert not {"agentgate_server", "trio", "yaml", "click", "rich", "sqlite3"} & set(loaded)
    assert not {"openai", "anthropic", "langchain_core"} & set(loaded)
