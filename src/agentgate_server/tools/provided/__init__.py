"""Tools that connected clients provide: what checks their arguments, and what runs them."""
