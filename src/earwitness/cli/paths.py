"""Which recordings are meant by the words on a command line, and where their transcripts go."""

import glob
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import BadInput, NotFound, StorageFailed
from earwitness.export import Format
from earwitness.sounding import SOUNDING


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording: `path` is None for standard input, `shown` its name for people, `inside` its place in it."""

    path: Path | None
    shown: str
    inside: Path
    several: bool = False


def find(given: Sequence[str]) -> list[Recording]:
    """The recordings that are meant, each once, in order. Raises BadInput and NotFound."""
    found: dict[str, Recording] = {}
    for word in given:
        for recording in _meant(word):
            found.setdefault(str(recording.path), recording)
    several = len(found) > 1
    return [Recording(r.path, r.shown, r.inside, several) for r in found.values()]


def targets(
    recordings: Sequence[Recording], formats: Sequence[Format], output: Path | None
) -> Mapping[Recording, tuple[Path, ...]]:
    """The files to write for each recording, one a format; none without an output folder.

    Raises BadInput where several texts would go to the terminal, and StorageFailed where the folder can't be made.
    """
    if output is None:
        if len(formats) > 1:
            raise BadInput("several formats need a folder to go to", remedy="Add -o FOLDER.")
        return dict.fromkeys(recordings, ())
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"the folder {str(output)!r} cannot be made: {error.strerror or error}",
            remedy="Choose another folder with -o.",
        ) from error
    stems = Counter(str(r.inside.with_suffix("")) for r in recordings)
    found: dict[Recording, tuple[Path, ...]] = {}
    taken: set[Path] = set()
    for recording in recordings:
        unique = stems[str(recording.inside.with_suffix(""))] == 1
        base = recording.inside.with_suffix("") if unique else recording.inside
        paths = tuple(output / base.with_name(f"{base.name}.{form.extension}") for form in formats)
        if taken & set(paths) or len(set(paths)) < len(paths):
            raise BadInput(
                f"two transcripts would be written to {str(paths[0])!r}",
                remedy="Give them in separate calls.",
            )
        taken |= set(paths)
        found[recording] = paths
    return found


def write(target: Path, text: str) -> None:
    """Write a file whole or not at all; what is there and is no file, such as /dev/stdout, is written to.

    Raises StorageFailed.
    """
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_text(text, "utf-8")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, kept = tempfile.mkstemp(dir=target.parent, prefix=".earwitness-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(kept).chmod(0o666 & ~_umask())
            Path(kept).replace(target)
        except BaseException:
            Path(kept).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageFailed(
            f"{str(target)!r} cannot be written: {error.strerror or error}",
            remedy="Free some space, or choose another folder.",
        ) from error


def _meant(word: str) -> list[Recording]:
    if word == "-":
        return [Recording(None, "standard input", Path("stdin"))]
    path = Path(word)
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.suffix[1:].lower() in SOUNDING and p.is_file())
        if not inside:
            raise NotFound(
                f"there is no recording in the folder {word!r}",
                remedy="Name the files if they end otherwise.",
            )
        return [Recording(p, shown(str(p)), p.relative_to(path)) for p in inside]
    if not path.exists() and any(c in word for c in "*?["):
        matches = sorted(Path(m) for m in glob.glob(word, recursive=True))  # noqa: PTH207 - patterns may be absolute
        if not matches:
            raise NotFound(f"nothing matches {word!r}")
        return [r for m in matches for r in (_meant(str(m)) if m.is_dir() else [_single(m)])]
    return [_single(path)]


def _single(path: Path) -> Recording:
    return Recording(path, shown(str(path)), Path(path.name or "recording"))


def shown(name: str) -> str:
    """A name fit for a terminal: control characters are escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
