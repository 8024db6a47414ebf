"""The Model Context Protocol: what both sides say, and the gate as a server."""
