"""Consoles on Socket.IO (seed 002): people's programs that talk to named agents."""
