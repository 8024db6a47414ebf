"""Checks the console's modules by TypeScript: ``python -m tests.console.typescript``.

They are plain JavaScript with types in JSDoc. What a vendored file exports is told by the types of
the package that it was made of; those of the JavaScript port are made of its own JSDoc.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.console.vendor import LIBRARIES, PORT, ROOT
from tests.npm import installed, program

TYPESCRIPT = "7.0.2"
CONFIG = ROOT / "src" / "agentgate_console" / "jsconfig.json"
PACKAGES = tuple(f"{name}@{version}" for name, (version, _) in LIBRARIES.items())


def complaints() -> str:
    """Return what TypeScript has against the console's modules, or ""."""
    folder = installed(*PACKAGES, f"typescript@{TYPESCRIPT}")
    with TemporaryDirectory() as temporary:
        port = Path(temporary) / "agentgate-client"
        tell_types_of_port(folder, port)
        modules = folder / "node_modules"
        project = {
            "extends": str(CONFIG),
            "compilerOptions": {
                "paths": {
                    "agentgate-client": [str(port / "index.d.ts")],
                    "lit": [str(modules / "lit" / "development" / "index.d.ts")],
                    "lit/*": [str(modules / "lit" / "development" / "*")],
                    "uplot": [str(modules / "uplot" / "dist" / "uPlot.d.ts")],
                },
            },
            "include": [str(CONFIG.parent / "static")],
            "exclude": [str(CONFIG.parent / "static" / "vendor" / "*.js")],
        }
        config = Path(temporary) / "tsconfig.json"
        config.write_text(json.dumps(project), "utf-8")
        return said(folder, ["--project", str(config), "--pretty", "false"])


def tell_types_of_port(folder: Path, output: Path) -> None:
    """Write the declarations of the JavaScript port, made of its JSDoc, into a folder."""
    options = ["--allowJs", "--declaration", "--emitDeclarationOnly", "--skipLibCheck"]
    options += ["--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    said(folder, [str(PORT / "src" / "index.js"), *options, "--outDir", str(output)])
    if not (output / "index.d.ts").exists():
        raise RuntimeError("TypeScript made no declarations of ports/javascript")


def said(folder: Path, arguments: list[str]) -> str:
    """Run TypeScript's compiler; return what it printed."""
    command = [*program(folder, "typescript", "tsc"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


if __name__ == "__main__":
    found = complaints()
    print(found or "TypeScript has nothing against the console's modules")
    sys.exit(bool(found))
