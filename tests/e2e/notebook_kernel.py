"""Runs a notebook's cells as a kernel does: one namespace, a loop that runs, ``await`` allowed."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any


async def run(path: Path, text: str) -> None:
    """Run all cells, in order; what one raises ends it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            value = eval(compile(source, f"{path.name}:{cell['id']}", "exec", flags), names)
            if inspect.iscoroutine(value):
                await value


if __name__ == "__main__":
    notebook = Path(sys.argv[1])
    asyncio.run(run(notebook, notebook.read_text("utf-8")))
