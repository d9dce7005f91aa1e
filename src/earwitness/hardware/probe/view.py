"""Where the probe looks: one root with `sys`, `proc` and `dev`, the environment, commands, and two foreign libraries.

Tests look at made-up trees. Nothing here raises for a file that is missing, garbled, closed or endless.
"""

import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.hardware.probe.nvml import Nvml, load
from earwitness.hardware.probe.windows import Windows

LIMIT = 8 << 20
"""No more of a file is read; two thousand processors describe themselves in half of it."""

TIMEOUT_S = 2.0


def _opens(path: Path) -> bool:
    """Whether this user may read and write a device node."""
    return os.access(path, os.R_OK | os.W_OK)


def _tell(*words: str) -> str:
    """What a command prints, empty when it is not there, hangs or prints nothing."""
    try:
        done = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout[:LIMIT].decode("utf-8", "replace")


def _allowed() -> frozenset[int]:
    """The logical processors this process may run on."""
    try:
        return frozenset(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on macOS and Windows
        return frozenset(range(os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class View:
    """One machine as the probe sees it; the defaults are this one."""

    root: Path = Path("/")
    system: str = field(default_factory=platform.system)
    release: str = field(default_factory=platform.release)
    architecture: str = field(default_factory=platform.machine)
    processor: str = field(default_factory=lambda: os.environ.get("PROCESSOR_IDENTIFIER", ""))  # Windows sets it
    cpus: frozenset[int] = field(default_factory=_allowed)
    logical: int = field(default_factory=lambda: os.cpu_count() or 1)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    opens: Callable[[Path], bool] = _opens
    tell: Callable[..., str] = _tell
    nvml: Callable[[], Nvml | None] = load
    windows: Windows = field(default_factory=Windows)

    def text(self, path: str | Path) -> str:
        """The file's text without blanks around it; empty when it can't be read."""
        try:
            with (self.root / path).open("rb") as file:
                return file.read(LIMIT).decode("utf-8", "replace").strip("\0 \t\r\n")
        except (OSError, ValueError):
            return ""

    def number(self, path: str | Path) -> int | None:
        """The whole number in the file, or None."""
        return whole(self.text(path))

    def folders(self, path: str | Path, pattern: str = "*") -> list[Path]:
        """What lies in a folder and fits, numbers in their order; empty when it can't be read."""
        try:
            return sorted((self.root / path).glob(pattern), key=lambda p: (len(p.name), p.name))
        except (OSError, ValueError):
            return []

    def target(self, path: str | Path) -> str:
        """The last name of what a link leads to, such as a driver; empty when there is none."""
        try:
            return (self.root / path).resolve(strict=True).name
        except (OSError, RuntimeError, ValueError):
            return ""

    def exists(self, path: str | Path) -> bool:
        """Whether something is there."""
        try:
            return (self.root / path).exists()
        except OSError:
            return False

    def owner(self, path: Path) -> tuple[str, int]:
        """The group that owns a node: its name, or its number where it has none here, as in containers; its number.

        `root`, 0 where that can't be found out.
        """
        try:
            gid = path.stat().st_gid
        except OSError:
            return "root", 0
        try:
            import grp

            return grp.getgrgid(gid).gr_name, gid
        except (ImportError, KeyError, OSError):
            return str(gid), gid


def whole(text: str) -> int | None:
    """A whole number written in decimal, or None; a garbled file is no number."""
    try:
        return int(text) if text.isascii() else None
    except ValueError:
        return None


def pairs(text: str, mark: str = ":") -> dict[str, str]:
    """Lines of `key: value`, the first of each key."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, sign, value = line.partition(mark)
        if sign:
            found.setdefault(key.strip(), value.strip())
    return found


def clean(text: str) -> str:
    """A name fit for a terminal: printable, without runs of blanks, not endless."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:100]


def visible(wish: str | None, ids: Sequence[str]) -> list[int]:
    """Positions of the cards that `CUDA_VISIBLE_DEVICES` and its like leave, in the order the runtime counts them.

    Entries are indices or beginnings of ids; the first that fits none ends the list, and one named twice empties it:
    CUDA programming guide, environment variables.
    """
    if wish is None:
        return list(range(len(ids)))
    found = list[int]()
    for entry in (part.strip() for part in wish.split(",")):
        number = whole(entry)
        fits = [i for i, name in enumerate(ids) if entry and name.lower().startswith(entry.lower())]
        if number is not None and 0 <= number < len(ids):
            found.append(number)
        elif number is None and len(fits) == 1:
            found.append(fits[0])
        else:
            break
    return found if len(set(found)) == len(found) else []
