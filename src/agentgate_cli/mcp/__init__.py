"""What `agent-gate mcp` serves on a pipe, and writes for MCP clients."""
