"""The gateway: sockets, files, clocks and processes around the core."""
