"""YAML documents that know where each value stands, so that errors can name the line.

``config.yaml`` and ``permissions.yaml`` are both read through here: parse once into a tree of
nodes with lines (``nodes``), put environment variables in (``environment``), convert the tree into
msgspec structs (``decoding``). Anything wrong is a :class:`DocumentError` of one line.
"""

from agentgate_server.documents.document import Document, parse_document, read_document
from agentgate_server.documents.environment import read_dotenv
from agentgate_server.documents.errors import DocumentError, format_path

__all__ = [
    "Document",
    "DocumentError",
    "format_path",
    "parse_document",
    "read_document",
    "read_dotenv",
]
