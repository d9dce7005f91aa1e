"""Prints the OpenAPI document of the routes that the web UI calls, from which its types are made.

python tools/openapi.py > build/openapi.json
"""

import json
import sys
import tempfile
from pathlib import Path

from earwitness.api.app import create
from earwitness.config import Settings

PATHS = ("/api/", "/v1/models", "/v1/audio/transcriptions")


def main() -> None:
    """Write it to standard output."""
    with tempfile.TemporaryDirectory() as home:
        document = create(Settings(home=Path(home))).openapi()
    document["paths"] = {path: told for path, told in document["paths"].items() if path.startswith(PATHS)}
    for told in document["paths"].values():
        for operation in told.values():  # errors have one shape everywhere, which the client reads by itself
            operation["responses"] = {code: of for code, of in operation["responses"].items() if code.startswith("2")}
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
