"""The server: one file a door, and `app` that puts them together. Async lives here; `bridge` crosses over."""
