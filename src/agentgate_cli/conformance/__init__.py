"""Conformance: the vectors of the protocol, and what plays them against gateways and clients."""
