"""Servers of the Model Context Protocol behind the gate: their processes, connections and tools."""
