"""A server of MCP made with the official SDK: the fixtures that the conformance suite asks for."""
