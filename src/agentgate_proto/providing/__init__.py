"""Tools that connected clients provide: who offers what, and the calls for it."""
