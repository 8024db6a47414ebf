"""The paths of the completions face."""

from __future__ import annotations

from agentgate_proto.faces.client_messages import REFUSED_BYTES_MAX
from agentgate_proto.faces.completions.request import IDEMPOTENCY, SESSION_HEADERS
from agentgate_proto.faces.completions.side_requests import TASK_HEADERS
from agentgate_proto.wire.routes import Route

FACE = "completions"
COMPLETIONS = "/v1/chat/completions"
MODELS = "/v1/models"
MODEL = "/v1/models/{name*}"

SDK_HEADERS = (
    *("openai-organization", "openai-project", "x-stainless-arch", "x-stainless-async"),
    *("x-stainless-lang", "x-stainless-os", "x-stainless-package-version"),
    *("x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version"),
    *("x-stainless-timeout", "x-stainless-helper-method", "x-stainless-raw-response"),
)
"""What OpenAI's SDK sends in a browser."""

CORS_HEADERS = (*SESSION_HEADERS, *TASK_HEADERS, IDEMPOTENCY, *SDK_HEADERS)
"""What pages of other origins may send, besides the usual."""

ROUTES = (
    Route(
        face=FACE,
        path=COMPLETIONS,
        methods=frozenset({"POST"}),
        body_bytes_max=REFUSED_BYTES_MAX,
        cors=True,
        request_headers=CORS_HEADERS,
    ),
    *(
        Route(
            face=FACE,
            path=path,
            methods=frozenset({"GET"}),
            cors=True,
            request_headers=CORS_HEADERS,
        )
        for path in (MODELS, MODEL)
    ),
)
