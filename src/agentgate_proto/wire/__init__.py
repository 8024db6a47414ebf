"""Bytes and what they say: HTTP/1.1 by h11, the upgrade, WebSocket frames by wsproto."""
