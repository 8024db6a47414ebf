"""The Telegram library needs asyncio."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
