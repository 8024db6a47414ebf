"""The files of the specification that are made: ``python -m tests.spec.files`` writes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.spec import asyncapi, checklist, exchanges, schema, tables

SPEC = Path(__file__).parent.parent.parent / "spec"


def page(path: Path) -> str:
    """A page with its tables made anew."""
    return tables.rendered(path.read_text("utf-8"))


PAGES = sorted(path for path in SPEC.glob("*.md") if tables.places(path.read_text("utf-8")))

FILES: dict[Path, Callable[[], str]] = {
    **{path: partial(page, path) for path in PAGES},
    SPEC / "exchanges.md": exchanges.text,
    SPEC / "CHECKLIST.md": checklist.text,
    SPEC / "agentgate.schema.json": schema.text,
    SPEC / "asyncapi.yaml": asyncapi.text,
}

if __name__ == "__main__":
    for path, make in FILES.items():
        path.write_text(make(), "utf-8")
