"""Every async test runs on asyncio and on trio; Hypothesis draws fresh examples, or fixed ones."""

import pytest
from tests.chance import load_profiles

load_profiles()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
