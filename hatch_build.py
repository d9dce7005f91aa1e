"""Builds the web UI whenever the package is built; see tools/webui.py."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "tools"))

import webui


class WebUI(BuildHookInterface[Any]):
    """The hook."""

    def dependencies(self) -> list[str]:
        """Node.js, where building needs it and the machine has none."""
        return webui.wanted()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build."""
        webui.build()
