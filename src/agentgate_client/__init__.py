"""The SDK: the client machine of the core on real sockets, for asyncio and trio."""
