"""Checks that files, functions, engines, routes and commands stay small.

    python tools/sizes.py

Limits are in lines. What is over stands by name in `tools/ratchet.json` with its size, and that file may only shrink: a
thing that grew, a thing that shrank and still has its old number, and a new thing over its limit all fail.
"""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RATCHET = ROOT / "tools" / "ratchet.json"
LIMITS = {"file": 400, "engine": 150, "function": 60, "route": 15, "command": 80}
NOT_ENGINES = {"__init__.py"}
WRITTEN_BY_A_TOOL = "archive/migrations/versions"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    over = {name: lines for name, kind, lines in measured() if lines > LIMITS[kind]}
    allowed: dict[str, int] = json.loads(RATCHET.read_text())
    wrong = [f"{name}: {lines} lines, and {allowed.get(name, 'its limit')} are allowed" for name, lines in over.items()
             if lines > allowed.get(name, 0)]  # fmt: skip
    wrong += [
        f"{name}: stands in the ratchet with {lines} lines and has {over.get(name, 'few enough')}: lower it there"
        for name, lines in allowed.items()
        if over.get(name, 0) < lines
    ]
    print("\n".join(wrong) or f"sizes: fine, {len(allowed)} exceptions")
    return bool(wrong)


def measured() -> Iterator[tuple[str, str, int]]:
    """Name, kind and lines of everything that has a limit."""
    for folder in ("src", "tests", "benchmarks", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if WRITTEN_BY_A_TOOL in name:
                continue
            text = path.read_text()
            yield name, kind_of_file(path), text.count("\n")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, Function):
                    yield f"{name}:{node.name}", *size_of(node, name)


def kind_of_file(path: Path) -> str:
    """`engine` for a runtime's file, `file` for all others."""
    return (
        "engine" if path.parent.name == "engines" and "src" in path.parts and path.name not in NOT_ENGINES else "file"
    )


def size_of(node: Function, name: str) -> tuple[str, int]:
    """Kind and lines of a function; a route counts without its decorators, signature and docstring."""
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    routed = any(ast.unparse(d).startswith("router.") for d in node.decorator_list)
    if "/api/" in name and routed:
        body = node.body[1:] if ast.get_docstring(node) else node.body
        return "route", (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
    public = not node.name.startswith("_")
    if "/cli/" in name and "src/" in name and public and len(node.args.args) and "Annotated" in ast.unparse(node.args):
        return "command", whole
    return "function", whole


if __name__ == "__main__":
    sys.exit(main())
