"""What docs/tls.md tells people to do works: with the real programs, to the SDK's first call."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from tests.e2e.process import AGENT_TOKEN, BOUND_S, GatewayProcess, until
from tests.held_ports import port_for

from agent_gate import AgentGateClient, AgentGateConnectionError

PAGE = (Path(__file__).parents[2] / "docs" / "tls.md").read_text("utf-8")
CADDY = shutil.which("caddy")


def blocks(kind: str, after: str) -> list[str]:
    """The code of one kind that stands below a heading."""
    section = PAGE.partition(f"\n## {after}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)


def reached(url: str, ca_file: Path | None) -> list[str]:
    """Connect as an agent, with a certificate that is verified; return the tools."""

    async def look() -> list[str]:
        with anyio.fail_after(BOUND_S):
            async with AgentGateClient(url, AGENT_TOKEN, ca_file=ca_file) as client:
                return [tool["name"] for tool in await client.list_tools()]

    return anyio.run(look)


def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    for script in blocks("sh", "An authority of your own")[:2]:
        subprocess.run(
            ["sh", "-euc", script], cwd=tmp_path, check=True, capture_output=True, timeout=BOUND_S
        )
    tls = {"cert": str(tmp_path / "gate.pem"), "key": str(tmp_path / "gate.key")}
    with GatewayProcess(tmp_path, config={"gateway": {"port": 0, "tls": tls}}) as gateway:
        url = gateway.url.replace("ws://", "wss://")
        assert reached(url, tmp_path / "ca.pem")
        with pytest.raises(AgentGateConnectionError, match="certificate is not accepted"):
            reached(url, None)


class Holder:
    """Whom a port is held for."""


@contextmanager
def caddy(folder: Path, upstream: int) -> Iterator[int]:
    """Run Caddy by the recipe for a name at home, with ports of this test."""
    assert CADDY is not None
    holder = Holder()
    port = port_for(holder)
    (recipe,) = blocks("caddyfile", "Caddy")[1:]
    recipe = recipe.replace("gate.home.arpa", f"https://localhost:{port}")
    recipe = recipe.replace("127.0.0.1:8443", f"127.0.0.1:{upstream}")
    options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(options + recipe)
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [CADDY, "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")},
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: process.poll() is None and listens(port), "Caddy")
            yield port
        finally:
            process.terminate()
            process.wait(BOUND_S)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_caddy_in_front(tmp_path: Path) -> None:
    if CADDY is None:
        warnings.warn("THE RECIPE FOR CADDY IS NOT TESTED: there is no caddy here", stacklevel=1)
        pytest.skip("there is no caddy here: apt install caddy")
    config = {"gateway": {"port": 0, "allowed_hosts": ["localhost"]}}
    config["gateway"]["trusted_proxies"] = ["127.0.0.1"]
    with GatewayProcess(tmp_path, config=config) as gateway, caddy(tmp_path, gateway.port) as port:
        root = tmp_path / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        until(root.exists, "the root of Caddy's authority")
        ssl.create_default_context(cafile=root)
        assert reached(f"wss://localhost:{port}", root)
