"""The certificates that the client's tests use."""

from tests.client.conftest import certificates

__all__ = ["certificates"]
