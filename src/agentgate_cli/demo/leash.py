"""``agent-gate``, on a leash: it ends when standard input is closed.

The demo's processes must not outlive the demo, not even if that is killed with ``kill -9``: then
nobody is left to end them, but the system closes the pipe.
"""

from __future__ import annotations

import os
import sys
import threading

from agentgate_cli.main import main


def end_with_parent() -> None:
    """Wait until the other end of standard input is gone, then end at once."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, name="leash", daemon=True).start()
    main()
