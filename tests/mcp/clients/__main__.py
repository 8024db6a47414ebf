"""Play the scenes: ``python -m tests.mcp.clients [--client NAME] [--scene WORDS] [--long]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.mcp.clients.claude_scenes import CLAUDE_SCENES
from tests.mcp.clients.crash_scenes import CRASH_SCENES
from tests.mcp.clients.models import Models
from tests.mcp.clients.programs import PROGRAMS, Program
from tests.mcp.clients.scenes import SCENES
from tests.mcp.clients.screen_scenes import SCREEN_SCENES
from tests.mcp.clients.server_scenes import SERVER_SCENES
from tests.mcp.clients.world import Scene, World
from tests.mcp.node22 import NODE
from tests.npm import installed

EVERYTHING = (*SCENES, *CRASH_SCENES, *SERVER_SCENES, *SCREEN_SCENES, *CLAUDE_SCENES)


def play(scene: Scene, program: Program, modules: Path, models: Models) -> str:
    """Play one; return what went wrong, or ""."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        world = World(Path(name), program, modules, models, scene.wishes, **scene.options)
        try:
            with world:
                scene.play(world)
        except Exception as error:
            return traceback.format_exc() + f"\n{error}"
    return ""


def main() -> int:
    """Play what is wanted; the exit code says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", action="append", choices=sorted(PROGRAMS))
    parser.add_argument("--scene", default="", help="only those with these words in their names")
    parser.add_argument("--long", action="store_true", help="those that take minutes as well")
    wanted = parser.parse_args()
    models, failures = Models(), 0
    for name in wanted.client or PROGRAMS:
        program = PROGRAMS[name]
        print(f"\n{program.package} (installing)", flush=True)
        modules = installed(NODE, program.package) / "node_modules"
        for scene in EVERYTHING:
            if name not in scene.clients or wanted.scene not in scene.name:
                continue
            if scene.long and not wanted.long:
                print(f"  left out (--long): {scene.name}")
                continue
            began = time.monotonic()
            problem = play(scene, program, modules, models)
            failures += bool(problem)
            took = time.monotonic() - began
            print(f"  {'FAILED' if problem else 'ok    '} {took:6.1f} s  {scene.name}", flush=True)
            if problem:
                print(problem)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
