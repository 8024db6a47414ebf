"""The paths of the completions face."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.client_messages import BODY_BYTES_MAX, REFUSED_BYTES_MAX
from agentgate_proto.faces.completions.routes import ROUTES
from agentgate_proto.limits import Limits
from agentgate_proto.wire.routes import Routes


@pytest.mark.parametrize("target", ["/v1/models", "/v1/models/a/b", "/v1/chat/completions?x=1"])
def test_each_path_is_found(target: str) -> None:
    assert Routes(ROUTES).find(target) is not None


def test_a_conversation_may_be_longer_than_other_bodies() -> None:
    assert ROUTES[0].body_bytes_max == REFUSED_BYTES_MAX > BODY_BYTES_MAX
    assert Limits().http_body_bytes_max < BODY_BYTES_MAX
