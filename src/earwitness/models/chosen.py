"""The default model that somebody chose on this installation: its name, in a file at home."""

import json
from pathlib import Path

from earwitness import files


def read(path: Path) -> str:
    """The name in small letters; empty where none was chosen, or it can't be read."""
    try:
        told = json.loads(path.read_text("utf-8"))
        return str(told["default"]).lower()
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def write(path: Path, name: str) -> None:
    """Keep a choice, whole or not at all. Raises StorageFailed."""
    files.write_whole(path, json.dumps({"default": name.lower()}).encode())
