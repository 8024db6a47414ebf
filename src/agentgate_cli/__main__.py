"""``python -m agentgate_cli``: the same as ``agent-gate``."""

from agentgate_cli.main import main

main()
