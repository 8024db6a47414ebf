"""Makes the console's vendored files: ``python -m tests.console.vendor``.

The console has no build step: a browser loads its modules as they are. What isn't ours, lit and
uPlot, and the JavaScript port, which lives in ``ports/javascript``, are bundled once, by a pinned
esbuild, into ``static/vendor``, with their licences. ``VENDORED.json`` keeps where each file came
from and its hash; ``tests/console/test_vendored.py`` compares.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.npm import installed, program

ROOT = Path(__file__).parents[2]
PORT = ROOT / "ports" / "javascript"
VENDOR = ROOT / "src" / "agentgate_console" / "static" / "vendor"
RECORD = VENDOR / "VENDORED.json"
ENTRIES = Path(__file__).parent / "entries"

LIBRARIES = {"lit": ("3.3.3", "BSD-3-Clause"), "uplot": ("1.6.32", "MIT")}
"""What is vendored of npm: the exact version, and the licence."""

ESBUILD = "0.28.2"
VERSIONS = {**{name: version for name, (version, _) in LIBRARIES.items()}, "esbuild": ESBUILD}
PACKAGES = tuple(f"{name}@{version}" for name, version in VERSIONS.items())
OPTIONS = (
    *("--bundle", "--format=esm", "--target=es2022", "--minify", "--legal-comments=inline"),
    "--log-level=warning",
)


def main() -> None:
    """Make all the files anew."""
    folder = installed(*PACKAGES)
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    modules = folder / "node_modules"
    record: dict[str, dict[str, str]] = {}
    for name, (version, licence) in LIBRARIES.items():
        bundle(folder, ENTRIES / f"{name}.js", [modules])
        shutil.copyfile(modules / name / "LICENSE", VENDOR / f"LICENSE-{name}.txt")
        described = {"from": f"npm: {name} {version}", "licence": licence}
        record[f"{name}.js"] = {**described, "entry_sha256": digest(ENTRIES / f"{name}.js")}
        record[f"LICENSE-{name}.txt"] = described
    shutil.copyfile(modules / "uplot" / "dist" / "uPlot.min.css", VENDOR / "uplot.css")
    record["uplot.css"] = record["LICENSE-uplot.txt"]
    bundle_port(folder)
    record["agentgate.js"] = {
        "from": "ports/javascript/src",
        "licence": "MIT",
        "sources_sha256": digest_of_port(),
    }
    for entry in ENTRIES.glob("*.js"):  # what is exported is also what TypeScript is told of it
        types = entry.with_suffix(".d.ts").name
        shutil.copyfile(entry, VENDOR / types)
        record[types] = {key: record[entry.name][key] for key in ("from", "licence")}
    described = {name: {**row, "sha256": digest(VENDOR / name)} for name, row in record.items()}
    whole = {"made_by": f"python -m tests.console.vendor (esbuild {ESBUILD})", "files": described}
    RECORD.write_text(json.dumps(whole, indent=2, sort_keys=True) + "\n", "utf-8")


def bundle_port(folder: Path) -> None:
    """Bundle the port for browsers: what it has for Node alone stays out."""
    with TemporaryDirectory() as temporary:
        copy = Path(temporary) / "agentgate-client"
        shutil.copytree(PORT, copy)
        copied = copy / "src" / "node-websocket.js"
        copied.write_text('export { openWebSocket } from "./browser-websocket.js";\n', "utf-8")
        bundle(folder, ENTRIES / "agentgate.js", [copy.parent])


def bundle(folder: Path, entry: Path, modules: list[Path]) -> None:
    """Write one file of ``VENDOR``, of the name of its entry.

    Args:
        folder: where esbuild is installed.
        entry: what is exported.
        modules: where packages are looked for.

    Raises:
        RuntimeError: esbuild failed; with what it said.
    """
    output = VENDOR / entry.name
    command = [*program(folder, "esbuild"), str(entry), *OPTIONS, f"--outfile={output}"]
    paths = {"NODE_PATH": ":".join(map(str, modules)), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=paths, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise RuntimeError(f"esbuild failed with {entry.name}:\n{done.stderr}")


def digest_of_port() -> str:
    """Return the SHA-256 of the port's sources: their names and texts, in order."""
    whole = sha256()
    for path in sorted((PORT / "src").glob("*.js")):
        whole.update(f"{path.name}\0".encode())
        whole.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return whole.hexdigest()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
