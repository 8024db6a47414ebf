"""Before a real Home Assistant."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """A real house takes its time; that all of this runs on trio too, the other tests see."""
    return "asyncio"
