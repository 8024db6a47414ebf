"""The Model Context Protocol from its other end: the gate as a client of servers."""
