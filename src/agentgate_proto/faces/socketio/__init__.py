"""Socket.IO 5: namespaces, events and acknowledgements on Engine.IO sessions."""
