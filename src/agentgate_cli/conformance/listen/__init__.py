"""A gateway that tests the client that connects: ``agent-gate conformance --listen``."""
