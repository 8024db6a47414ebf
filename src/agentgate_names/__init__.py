"""Names: looking them up, and which of their addresses answers. The one thing besides the core that
both ends have in common."""
