"""The notebooks run from their first cell to their last, and are kept without outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.vendor_world import EXAMPLES, world

pytestmark = pytest.mark.anyio

KERNEL = Path(__file__).parent / "notebook_kernel.py"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.fixture
def anyio_backend() -> str:
    """Notebooks run in a process of their own, on asyncio."""
    return "asyncio"


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS] == ["first_steps.ipynb", "openai_agent.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


async def test_the_first_steps_end_as_they_say() -> None:
    async with world() as here:
        said = await here.run(KERNEL, EXAMPLES / "first_steps.ipynb")
    for text in ("get_time", "write_note", "'bytes': 8", "2026-11-30T18:00", "17 * 3 = 51."):
        assert text in said


async def test_an_agent_in_a_notebook_is_governed() -> None:
    async with world() as here:
        here.models.turns.append([("c1", "write_note", {"name": "secret", "text": "1"})])
        here.models.turns.append([("c2", "write_note", {"name": "time", "text": "six"})])
        here.models.turns.append("Noted.")
        said = await here.run(KERNEL, EXAMPLES / "openai_agent.ipynb")
    assert said.splitlines() == [
        "→ Denied by policy: Secrets stay here (it did not run)",
        '→ {"name":"time","bytes":3}',
        "Noted.",
    ]
