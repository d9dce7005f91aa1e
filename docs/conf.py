"""How the documentation becomes web pages."""

from earwitness.__about__ import __version__

project = "Earwitness"
release = version = __version__
copyright = "The Earwitness authors"  # noqa: A001 - Sphinx names it so
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"Earwitness {version}"
html_show_sphinx = False
exclude_patterns: list[str] = []
