"""JSON-RPC 2.0 and what its methods carry."""
