"""The files of the specification that are made: ``python -m tests.spec.files`` writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.spec import asyncapi, schema, tables

SPEC = Path(__file__).parent.parent.parent / "spec"
PROTOCOL = SPEC / "PROTOCOL.md"

FILES: dict[Path, Callable[[], str]] = {
    PROTOCOL: lambda: tables.rendered(PROTOCOL.read_text("utf-8")),
    SPEC / "agentgate.schema.json": schema.text,
    SPEC / "asyncapi.yaml": asyncapi.text,
}

if __name__ == "__main__":
    for path, make in FILES.items():
        path.write_text(make(), "utf-8")
