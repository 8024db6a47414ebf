"""Sockets: listening, and the pumps that carry bytes between a socket and a connection."""
