"""The gate between foreign MCP clients and foreign MCP servers."""
