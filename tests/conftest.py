"""Every async test runs on asyncio and on trio; Hypothesis draws fresh examples, or fixed ones."""

import gc

import pytest
from tests.chance import load_profiles

load_profiles()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what stays: ten thousand tests, and all modules. It
    went through them again and again, for a tenth of the time of the whole."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
