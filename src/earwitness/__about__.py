"""The version, and nothing that could fail to import."""

__version__ = "0.1.0"
