"""Large MCP clients, unmodified, each with a stand-in for its model: ``make mcp-clients``."""
