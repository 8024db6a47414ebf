"""The image and what runs it, as far as can be shown without an engine.

The steps of the Dockerfile are carried out in a folder: what ``.dockerignore`` lets through is
copied, the same pip command installs it into a fresh environment, and the image's own default
command and health check run there. ``make image`` builds the real one.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from agentgate_cli.conformance.vectors import load

ROOT = Path(__file__).parent.parent
BOUND_S = 30.0
INSTALL_BOUND_S = 300.0
SOURCES = "/usr/src/agent-gate"


# The Dockerfile


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, with what they are given."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    rows = [line.partition(" ") for line in text.splitlines() if line]
    return [(name, rest.strip()) for name, _, rest in rows]


def step(name: str) -> str:
    """The one instruction of this name."""
    (found,) = [rest for instruction, rest in steps() if instruction == name]
    return found


def health_check() -> list[str]:
    command: list[str] = json.loads(step("HEALTHCHECK").partition("CMD ")[2])
    return command


def is_ignored(path: str) -> bool:
    """Whether ``.dockerignore`` keeps a path out: the last pattern counts that matches it.

    A pattern matches the path itself or a folder that it is in, as Docker has it.
    """
    ignored = False
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = re.escape(line.removeprefix("!"))
        pattern = pattern.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(rf"{pattern}(?:/.*)?", path):
            ignored = not line.startswith("!")
    return ignored


def copied() -> Iterator[tuple[str, str]]:
    """What is copied into the image: path here, path there."""
    for name, rest in steps():
        if name == "COPY":
            *sources, target = rest.split()
            for source in sources:
                into = target.endswith("/") or len(sources) > 1
                yield source, str(PurePosixPath(target, source)) if into else target


@pytest.mark.seed001("FR8-AC1", "NFR2-AC1")
def test_the_image_is_made_of_the_slim_python_and_of_nothing_else() -> None:
    assert step("FROM") == "python:3.12-slim"


@pytest.mark.seed001("FR8-AC1")
def test_everything_that_is_copied_exists_and_is_not_ignored() -> None:
    sources = [source for source, _ in copied()]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source


def test_everything_that_pip_needs_is_copied() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert {'readme = "README.md"', 'where = ["src"]'} <= set(text.splitlines())
    assert {"pyproject.toml", "README.md", "src"} <= {source for source, _ in copied()}
    for path in (ROOT / "src").rglob("*"):
        if path.is_symlink():
            there = path.resolve().relative_to(ROOT).as_posix()
            assert there in {source for source, _ in copied()}, f"{path} leads to nothing"


@pytest.mark.seed001("FR8-AC2")
def test_the_default_command_is_agent_gate_reachable_from_outside_the_container() -> None:
    assert json.loads(step("CMD")) == ["agent-gate", "--host", "::"]
    assert "ENTRYPOINT" not in dict(steps()), "docker run agent-gate COMMAND must run COMMAND"


@pytest.mark.seed001("FR8-AC3", "FR8-AC4")
def test_data_is_a_volume_beside_the_configuration_and_the_port_is_exposed() -> None:
    assert (step("WORKDIR"), step("VOLUME"), step("EXPOSE")) == ("/app", "/app/data", "8443")
    example = yaml.safe_load((ROOT / "config.example.yaml").read_text("utf-8"))
    assert example["storage"]["path"].startswith("data/")
    assert example["gateway"]["port"] == 8443


def test_it_does_not_run_as_root_and_its_user_owns_the_data() -> None:
    assert step("USER") == "1000:1000"
    names = [name for name, _ in steps()]
    made = next(rest for name, rest in steps() if name == "RUN" and "/app/data" in rest)
    assert "--owner=1000" in made
    assert names.index("USER") < names.index("VOLUME") < names.index("CMD")


@pytest.mark.seed001("NFR2-AC2")
@pytest.mark.parametrize(
    "path",
    [
        *("tests", "tests/conftest.py", "docs/cli.md", ".git", ".git/HEAD", ".env", ".env.local"),
        *("src/agentgate_cli/__pycache__/x.cpython-312.pyc", "src/agent_gate/old.pyc"),
        *(".venv/bin/python", "data/agent-gate.db", "data/agent-gate.db-wal", "certs/key.pem"),
        *("spec/README.md", "spec/agentgate.schema.json"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "CHANGELOG.md"),
        *("src/agent_gate.egg-info/PKG-INFO", "config.yaml", "permissions.yaml", "key.pem"),
    ],
)
def test_what_is_no_part_of_the_program_stays_out(path: str) -> None:
    assert is_ignored(path)


@pytest.mark.parametrize(
    "path", ["src", "src/agentgate_server/store/sqlite.py", "README.md", "spec/vectors/README.md"]
)
def test_the_program_stays_in(path: str) -> None:
    assert not is_ignored(path)


# docker-compose.yml


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    (found,) = compose["services"].values()
    assert isinstance(found, dict)
    return found


@pytest.mark.seed001("FR9-AC1")
def test_the_files_are_mounted_read_only_and_only_the_data_can_be_written(
    service: dict[str, Any],
) -> None:
    mounts = {row["source"]: (row["target"], row.get("read_only")) for row in service["volumes"]}
    assert mounts == {
        "./config.yaml": ("/app/config.yaml", True),
        "./permissions.yaml": ("/app/permissions.yaml", True),
        "./data": ("/app/data", None),
        "./certs": ("/app/certs", True),
    }
    assert service["read_only"] is True


def test_what_a_tool_leaves_behind_ends_with_the_container(service: dict[str, Any]) -> None:
    """A gateway is no init: the children of children that a tool started are nobody's else."""
    assert service["init"] is True


def test_a_file_that_is_missing_is_not_made_a_folder_by_docker(service: dict[str, Any]) -> None:
    for row in service["volumes"]:
        assert row["type"] == "bind"
        assert row["bind"] == {"create_host_path": False}


@pytest.mark.seed001("FR9-AC2", "FR9-AC3", "FR9-AC4")
def test_secrets_come_from_dotenv_it_comes_back_and_the_port_is_mapped(
    service: dict[str, Any],
) -> None:
    assert service["env_file"] == ".env"
    assert service["restart"] == "unless-stopped"
    assert service["ports"] == ["8443:8443"]


def test_a_stop_gives_running_tools_the_time_that_the_gateway_gives_them(
    service: dict[str, Any],
) -> None:
    example = yaml.safe_load((ROOT / "config.example.yaml").read_text("utf-8"))
    grace_s = int(service["stop_grace_period"].removesuffix("s"))
    assert grace_s >= example["gateway"]["shutdown_s"] + 5


# The same, without an engine


@dataclass
class Image:
    """What the Dockerfile makes, as folders.

    Attributes:
        app: its working folder.
        bin: where its programs are.
    """

    app: Path
    bin: Path

    def command(self, words: list[str]) -> list[str]:
        return [str(self.bin / words[0]), *words[1:]]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: os.environ[k] for k in ("LANG", "TMPDIR", "TZ") if k in os.environ}
        return {**kept, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", **more}

    def run(self, words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(words),
            check=False,
            cwd=self.app,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=BOUND_S,
        )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Carry out the Dockerfile's steps in folders."""
    root = tmp_path_factory.mktemp("image")
    for source, target in copied():
        there = root / target.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, symlinks=True, ignore=left_out)
        else:
            shutil.copy(ROOT / source, there)
    subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True, timeout=BOUND_S)
    (install,) = [rest for name, rest in steps() if name == "RUN" and rest.startswith("pip ")]
    words = shlex.split(install.replace(SOURCES, str(root / SOURCES.lstrip("/"))))
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [root / "venv" / "bin" / words[0], *words[1:]],
        check=False,
        env=variables,
        capture_output=True,
        text=True,
        timeout=INSTALL_BOUND_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (root / "app").mkdir()
    return Image(root / "app", root / "venv" / "bin")


def left_out(folder: str, names: list[str]) -> set[str]:
    """What ``copytree`` must not copy."""
    here = Path(folder).relative_to(ROOT)
    return {name for name in names if is_ignored((here / name).as_posix())}


def settle(app: Path) -> int:
    """Put what compose mounts into the working folder: the examples, with TLS; return the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    text = (ROOT / "config.example.yaml").read_text("utf-8").replace("8443", str(port))
    text = text.replace("  # tls:", "  tls:").replace("  #   cert:", "    cert:")
    text = text.replace("  #   key:", "    key:")
    (app / "config.yaml").write_text(text, "utf-8")
    (app / "config.yaml").chmod(0o600)
    shutil.copy(ROOT / "permissions.example.yaml", app / "permissions.yaml")
    (app / "certs").mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"),
            *("-subj", "/CN=gateway"),
        ],
        check=True,
        cwd=app / "certs",
        capture_output=True,
        timeout=BOUND_S,
    )
    return port


TOKENS = {
    "AGENT_TOKEN": "agent-token-0123456789abcdef",
    "APPROVER_TOKEN": "owner-token-0123456789abcdef",
}


@pytest.mark.slow
@pytest.mark.seed001("FR8-AC1", "FR8-AC2")
def test_what_the_image_installs_starts_by_its_default_command_and_is_healthy(
    image: Image,
) -> None:
    port = settle(image.app)
    assert image.run(health_check(), **TOKENS).returncode == 3, "nothing listens yet"
    process = subprocess.Popen(
        image.command(json.loads(step("CMD"))),
        cwd=image.app,
        env=image.environment(**TOKENS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert f"listening on wss://[::]:{port}" in process.stdout.readline()
        checked = image.run(health_check(), **TOKENS)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert checked.stdout.startswith("ok: ")
        assert (image.app / "data" / "agent-gate.db").exists()
    finally:
        process.terminate()
        _, err = process.communicate(timeout=BOUND_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err


@pytest.mark.slow
def test_without_a_certificate_the_default_command_refuses_to_serve_in_clear_text(
    image: Image, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "config.example.yaml", tmp_path / "config.yaml")
    shutil.copy(ROOT / "permissions.example.yaml", tmp_path / "permissions.yaml")
    elsewhere = Image(tmp_path, image.bin)
    done = elsewhere.run(json.loads(step("CMD")), **TOKENS)
    assert done.returncode == 1
    assert "set gateway.tls.cert and gateway.tls.key" in done.stderr


@pytest.mark.slow
def test_the_extras_of_the_image_are_installed(image: Image) -> None:
    done = image.run(["python", "-c", "import uvloop, telegram"])
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_image_has_the_vectors(image: Image) -> None:
    done = image.run(["python", "-c", COUNT])
    assert (done.stdout, done.stderr) == (counted(), "")


@pytest.mark.slow
def test_the_extra_speed_is_used(image: Image, tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text(
        "import asyncio\nfrom agentgate_server import tool\n\n"
        "@tool\nasync def loop() -> str:\n"
        '    """Name the event loop."""\n'
        "    return type(asyncio.get_running_loop()).__module__\n"
    )
    config = {
        "gateway": {"port": 0},
        "agent": {"token": TOKENS["AGENT_TOKEN"]},
        "tools": {"python": ["probe.py"]},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "config.yaml").chmod(0o600)
    (tmp_path / "permissions.yaml").write_text("rules: [{tool: loop, action: allow}]\n")
    elsewhere = Image(tmp_path, image.bin)
    process = subprocess.Popen(
        elsewhere.command(["agent-gate", "serve"]),
        cwd=tmp_path,
        env=elsewhere.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"ws://[^ ]+", process.stdout.readline())
        assert found
        token = TOKENS["AGENT_TOKEN"]
        command = ["agent-gate", "call", "loop"]
        done = elsewhere.run(command, AGENT_GATE_URL=found[0], AGENT_GATE_TOKEN=token)
    finally:
        process.terminate()
        process.communicate(timeout=BOUND_S)
    assert done.stdout == '"uvloop"\n', done.stderr


# Wheel and source distribution

UNWANTED = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
"""The first would be built from other sources; of the second setuptools warns."""

COUNT = "from agentgate_cli.conformance.vectors import load; print(len(load('server')))"


def counted() -> str:
    """What ``COUNT`` prints where nothing is missing."""
    return f"{len(load('server'))}\n"


@pytest.mark.slow
def test_the_source_distribution_and_the_wheel_that_is_built_from_it_have_every_vector(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("src", "spec"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=left_aside)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", tmp_path / "dist", tree],
        check=True,
        capture_output=True,
        text=True,
        timeout=INSTALL_BOUND_S,
        env={k: v for k, v in os.environ.items() if k not in UNWANTED},
    )
    # What setuptools is about to drop would stop every installation from source one day
    said = (built.stdout + built.stderr).splitlines()
    assert [line for line in said if re.search(r"deprecat|warning", line, re.IGNORECASE)] == []
    wanted = {path.name for path in (ROOT / "spec" / "vectors").iterdir()}
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert vectors_of(archive.namelist()) == wanted
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(metadata).decode().partition("\n\n")[0].splitlines()
        packages = {name.partition("/")[0] for name in archive.namelist()}
    assert {"License-Expression: MIT", "License-File: LICENSE"} <= set(lines)
    assert {"Requires-Python: >=3.11", "Description-Content-Type: text/markdown"} <= set(lines)
    ours = {name for name in packages if (ROOT / "src" / name / "py.typed").is_file()}
    assert ours == {name for name in packages if not name.endswith(".dist-info")}
    (source,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(source) as archive:
        files = [member.name for member in archive.getmembers() if member.isreg()]
        assert vectors_of(files) == wanted


def left_aside(folder: str, names: list[str]) -> set[str]:
    """What a fresh clone has not."""
    return {name for name in names if name == "__pycache__" or name.endswith(".egg-info")}


def vectors_of(paths: list[str]) -> set[str]:
    """The names of the files in the package's folder of vectors."""
    folders = {path: PurePosixPath(path).parent.parts[-3:] for path in paths}
    place = ("agentgate_cli", "conformance", "vectors")
    return {PurePosixPath(path).name for path, parts in folders.items() if parts == place}


# systemd


def test_the_systemd_unit_runs_the_gateway_confined_and_reloads_it_by_a_signal() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read(ROOT / "examples" / "agent-gate.service")
    service = unit["Service"]
    assert "agent-gate serve --config /etc/agent-gate/config.yaml" in service["ExecStart"]
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["User"] == "agent-gate"
    assert service["Restart"] == "on-failure"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["StateDirectory"] == "agent-gate"
    assert int(service["LimitNOFILE"]) > 2 * 1_000, "connections_max, and as much for tools"
