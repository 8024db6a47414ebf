"""Operating: what people who run a gateway see of it, and change, by the native protocol."""

from __future__ import annotations

from pathlib import Path

from agentgate_server.gate.auditing import AuditDesk
from agentgate_server.gate.gate import Gate
from agentgate_server.gate.looking_back import LookingBack
from agentgate_server.gate.operator_calls import OperatorCalls
from agentgate_server.gate.principals import PrincipalDesk
from agentgate_server.secrets.masking import Masker


def serve_operators(gate: Gate, database: Path, masker: Masker) -> None:
    """Let a gate answer them.

    Args:
        gate: whose methods they are.
        database: the file of its store.
        masker: hides secrets.
    """
    principals = PrincipalDesk(
        gate.authenticator, lambda: gate.reloader.config, gate.calls.spawn, gate.utc
    )
    audit = AuditDesk(database, lambda: gate.audit.found.head_file, masker, gate.calls.spawn)
    looking_back = LookingBack(
        gate.desk,
        gate.judge,
        masker,
        ask=gate.writer.ask,
        warnings=gate.reloader.warnings,
        spawn=gate.calls.spawn,
        utc=gate.utc,
    )
    gate.calls.operators = OperatorCalls(principals, audit, looking_back, gate.upstreams)
