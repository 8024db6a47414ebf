"""The import name that users know: re-exports of the SDK."""
