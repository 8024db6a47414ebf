"""The sans-I/O core of agentgate: what should happen next, decided without sockets or clocks."""
