"""The doctor asks the vendors of models what they have, against the stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cli.doctor.ward import diagnose, found, shaking, write_well
from tests.client.conftest import Certificates, certificates  # noqa: F401 - a fixture

from agentgate_cli.doctor.models import KEY_PATHS
from agentgate_cli.standins.http_server import HttpResponse, HttpServer, text_response
from agentgate_cli.standins.models import ModelServer

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789abcdef"


def model(url: str, name: str = "sonnet-5", backend: str = "openai", **more: Any) -> dict[str, Any]:
    price = {"input": 1, "output": 2}
    return {"backend": backend, "model": name, "base_url": url, "price": price, **more}


def write(folder: Path, **models: Any) -> None:
    first = next(iter(models))
    write_well(folder, sessions={"models": models, "default_model": first})


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
async def test_models_that_are_listed_are_well_and_none_is_asked_anything(
    tmp_path: Path, backend: str
) -> None:
    async with ModelServer(KEY) as vendor:
        vendor.models = ["sonnet-5", "other"]
        vendor.aliases = {"sonnet"}
        url = vendor.openai_url if backend == "openai" else vendor.url
        one = model(url, backend=backend, api_key=KEY)
        write(tmp_path, one=one, alias={**one, "model": "sonnet"})
        assert await diagnose(tmp_path) == []
        assert vendor.bodies == [b"", b""]
        targets = [request.target.partition("?")[0] for request in vendor.requests]
        assert targets == ["/v1/models", "/v1/models/sonnet"]


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
async def test_a_key_that_is_not_taken(tmp_path: Path, backend: str) -> None:
    async with ModelServer("sk-another") as vendor:
        url = vendor.openai_url if backend == "openai" else vendor.url
        write(tmp_path, one=model(url, backend=backend, api_key=KEY))
        said = await diagnose(tmp_path)
        found(said, "models", "does not take the key (401)", "sessions.models.one.api_key")
        assert KEY not in repr(said)
        write(tmp_path, one=model(url, backend=backend))
        found(await diagnose(tmp_path), "models", "wants a key (401)", "api_key: ${VARIABLE}")


async def test_a_model_that_nobody_has_and_what_there_is(tmp_path: Path) -> None:
    async with ModelServer() as vendor:
        vendor.models = ["sonnet-5-20260101", "tiny:latest"]
        write(
            tmp_path, one=model(vendor.openai_url, "sonet-5"), two=model(vendor.openai_url, "tiny")
        )
        said = await diagnose(tmp_path)
        step = "set sessions.models.one.model to one that it has (there is sonnet-5-20260101)"
        found(said, "models", "does not know the model sonet-5 of one", step, "warning")
        assert len(said) == 1


@pytest.mark.parametrize(
    ("status", "headers", "level", "text", "step"),
    [
        (402, {}, "error", "wants money (402)", "buy credit"),
        (403, {}, "error", "knows the key, and refuses it", "may do, and from where"),
        (404, {}, "warning", "lists no models (404)", "correct sessions.models.one.base_url"),
        (429, {}, "warning", "takes no more requests", "limits and the credit"),
        (418, {}, "error", "answers 418", "correct sessions.models.one.base_url"),
        (503, {}, "warning", "answers 503: it is not well", "try again later"),
        (200, {}, "error", "lists no models as openai does", "not a page's"),
        (301, {"location": "https://api.example/v1"}, "error", "leads to api.example", "base_url"),
    ],
)
async def test_what_answers_otherwise_is_explained(
    tmp_path: Path, status: int, headers: dict[str, str], level: str, text: str, step: str
) -> None:
    async def other(_request: object) -> HttpResponse:
        return HttpResponse(status=status, body=b"<html>", headers=headers)

    async with HttpServer(other) as server:
        write(tmp_path, one=model(f"{server.url}/v1", api_key=KEY))
        found(await diagnose(tmp_path), "models", text, step, level)


async def test_where_anybody_may_read_the_list_the_key_is_asked_for_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(request: Any) -> HttpResponse:
        if request.target == "/v1/key":
            return text_response("no", 401)
        return HttpResponse(body=b'{"data": [{"id": "sonnet-5"}]}')

    monkeypatch.setitem(KEY_PATHS, "127.0.0.1", "/key")
    async with HttpServer(answer) as server:
        write(tmp_path, one=model(f"{server.url}/v1", api_key=KEY))
        found(await diagnose(tmp_path), "models", "does not take the key", "api_key")
        write(tmp_path, one=model(f"{server.url}/v1"))
        assert await diagnose(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "text", "step"),
    [
        ("http://127.0.0.1:9/v1", "the connection was refused", "correct the port in sessions"),
        ("https://no-such-vendor.invalid/v1", "can't be reached", "correct the name in sessions"),
    ],
)
async def test_a_vendor_that_is_not_there(tmp_path: Path, url: str, text: str, step: str) -> None:
    write(tmp_path, one=model(url))
    found(await diagnose(tmp_path), "models", text, step)


async def test_a_certificate_of_nobody_known(
    tmp_path: Path,
    certificates: Certificates,  # noqa: F811 - the fixture
) -> None:
    context = certificates.gateway(certificates.server)
    async with shaking(context) as port:
        write(tmp_path, one=model(f"https://127.0.0.1:{port}/v1"))
        said = await diagnose(tmp_path)
        found(said, "models", "certificate is not good", "update-ca-certificates")
