"""Looking names up: the one thing besides the core that both ends have in common."""
