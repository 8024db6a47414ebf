"""Tools: what an agent may ask for, where it comes from, and how it is run.

``tool`` says what a tool is, ``python`` makes one of a function (``@tool``), ``catalogue`` holds
all of a gateway, ``runner`` runs one and turns whatever happens into an outcome.
"""
