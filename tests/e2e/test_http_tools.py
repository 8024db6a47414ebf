"""HTTP tools through the real command: killed while the API has the request, and started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import yaml
from tests.cli.support import AGENT_TOKEN, BOUND_S, Served, end_left, write_files
from tests.standins import http_api as standin
from tests.standins.http_api import http_api, says

from agent_gate import AgentGateClient, AgentGateError, OutcomeUnknown

pytestmark = pytest.mark.anyio

TOOLS = {
    "order": {
        "description": "Order something.",
        "backend": "shop",
        "args": {"what": {}},
        "request": {"method": "POST", "path": "/orders", "json": {"what": "{what}"}},
        "response": {"take": "id"},
    },
    "stock": {
        "description": "Look what there is.",
        "backend": "shop",
        "effects": "read",
        "args": {"shelf": {}},
        "request": {"path": "/stock/{shelf}"},
    },
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    yield Served(tmp_path)
    end_left(())


async def test_a_write_that_the_gateway_died_over_is_unknown_and_reaches_the_api_once(
    tmp_path: Path, served: Served
) -> None:
    in_thread = anyio.to_thread.run_sync
    async with http_api({"/orders": standin.hangs, "/stock/a%2Fb": says(200, [1])}) as api:
        backend = {"url": api.url, "private": True, "headers": {"X-Key": "${SHOP_KEY}"}}
        (tmp_path / ".env").touch(mode=0o600)
        (tmp_path / ".env").write_text("SHOP_KEY=shop-key-0123456789\n")
        file = tmp_path / "shop.yaml"
        file.write_text(yaml.safe_dump({"backends": {"shop": backend}, "tools": TOOLS}))
        rules = [{"tool": ["order", "stock"], "action": "allow"}]
        write_files(tmp_path, {"rules": rules}, tools={"http": ["shop.yaml"]})
        await in_thread(served.start)
        errors: list[AgentGateError] = []

        async def order(client: AgentGateClient) -> None:
            with pytest.raises(OutcomeUnknown) as caught:
                await client.tool_request("order", what="beans")
            errors.append(caught.value)

        with anyio.fail_after(BOUND_S):
            async with AgentGateClient(served.url, AGENT_TOKEN) as client:
                assert await client.tool_request("stock", shelf="a/b") == [1]
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(order, client)
                    while len(api.arrivals) < 2:
                        await anyio.sleep(0.005)
                    await in_thread(served.kill)
                    await in_thread(served.start)
        assert len(errors) == 1
        targets = [(arrival.target, arrival.headers["x-key"]) for arrival in api.arrivals]
        assert targets == [
            ("/stock/a%2Fb", "shop-key-0123456789"),
            ("/orders", "shop-key-0123456789"),
        ]
