"""Engine.IO 4: sessions over long polling and WebSockets, below Socket.IO."""
