"""Whether a stored model is what it should be: its checksums, its form, and its words beside those of its checkpoint.

A model that was converted must agree with the checkpoint it was made from on 95 of 100 words. The checkpoint is heard
in float32, converted for the occasion, so that no stored conversion is trusted. Engines are run by the caller.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from earwitness import files
from earwitness.__about__ import __version__
from earwitness.errors import BadInput, EarwitnessError, EngineFailed, Missing, NotFound
from earwitness.models import directory, looks, manifest
from earwitness.models.agreement import agreement
from earwitness.models.convert import convert
from earwitness.models.directory import Stored

KEY = "verified"
LEAST = 0.95
"""Share of words on which a conversion must agree with its checkpoint."""

EXACT = (("base", ""), ("ctranslate2", "float32"), ("onnx", "float32"), ("ggml", "f32"))
"""Formats in which a checkpoint is heard as it was trained, the preferred one first: PyTorch reads it as it is."""

Transcribe = Callable[[Path, str, Sequence[Path]], Sequence[str]]
"""The texts of recordings: model directory, a model's full name, recordings."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording: the words of the longer text, and the share of them that is the same."""

    recording: str
    words: int
    agreement: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about a model. `of` is the SHA-256 of its manifest; a report of other files is void.

    `checked` names what was looked at, `faults` what is wrong, `notes` what else should be known. `agreement` is None
    where no words were compared; a note then says why.
    """

    name: str
    at: str
    earwitness: str
    of: str
    checked: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reference: str = ""
    words: int = 0
    agreement: float | None = None
    heard: tuple[Heard, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def state(self) -> str:
        """In a word or two."""
        if not self.passed:
            return "FAILED"
        return f"{100 * self.agreement:.1f} % of words" if self.agreement is not None else ", ".join(self.checked)


def check(stored: Stored, *, quick: bool = False) -> Report:
    """Compare a model's files with its manifest, and look at their form; `quick` reads sizes instead of contents."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    report = Report(stored.name, at, __version__, _of(stored))
    try:
        kept = manifest.read(stored)
    except BadInput as error:
        return replace(report, faults=(error.message,))
    checked, faults, notes = list[str](), list[str](), list[str]()
    here = directory.contents(stored.path)
    if kept is None:
        notes.append("no manifest: it was put there by hand, so there are no checksums to compare")
    else:
        checked.append("sizes" if quick else "checksums")
        faults += [f"{name} is missing" for name in kept.files if name not in here]
        notes += [f"{name} is not in the manifest" for name in here if name not in kept.files]
        for name, file in kept.files.items():
            if name in here and (here[name].stat().st_size != file.size):
                faults.append(f"{name} has {here[name].stat().st_size} bytes, not {file.size}")
            elif name in here and not quick and files.digest(here[name]) != file.sha256:
                faults.append(f"{name} is damaged: its checksum is another")
    try:
        looks.look(stored.format, stored.path)
        checked.append("form")
    except EarwitnessError as error:
        faults.append(error.message)
    return replace(report, checked=tuple(checked), faults=tuple(faults), notes=tuple(notes))


def checkpoint(stored: Stored) -> str:
    """The model whose checkpoint a model was made from: as its manifest has it, or of the same name."""
    kept = manifest.read(stored)
    source, _, form = kept.origin.source.rpartition("/") if kept and kept.origin.how == "convert" else ("", "", "")
    return source if form == "base" and source else stored.model


def reference(
    root: Path, model: str, recordings: Sequence[Path], readable: Collection[str], run: Transcribe
) -> tuple[str, Sequence[str]]:
    """In which format a model's checkpoint was heard, and what: it is converted aside and gone afterwards.

    Raises NotFound without the checkpoint, BadInput for a damaged one, Missing where no engine here reads one of
    `EXACT`, and what `run` raises.
    """
    source = root / "base" / model
    if not source.is_dir():
        raise NotFound(f"its checkpoint base/{model} is not here")
    if faults := check(Stored(model, "base", "", source)).faults:
        raise BadInput(f"its checkpoint base/{model} is broken: {faults[0]}")
    if "base" in readable:
        return "base", run(root, f"{model}/base", recordings)
    beside = root if os.access(root, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".verify.", dir=beside) as folder:
        for form, precision in EXACT[1:]:
            if form in readable:
                with suppress(Missing):
                    made = convert(source, Path(folder), model=model, form=form, precision=precision)
                    return f"{form} {precision}", run(Path(folder), made.name, recordings)
    raise Missing("no engine that hears a checkpoint exactly is installed")


def compare(
    report: Report, root: Path, recordings: Sequence[Path], exact: tuple[str, Sequence[str]], run: Transcribe
) -> Report:
    """Let a model hear what its checkpoint heard, and count the words that differ."""
    how, expected = exact
    try:
        texts = run(root, report.name, recordings)
    except EngineFailed as error:
        return replace(report, faults=(*report.faults, f"it does not run: {error.message}"))
    except EarwitnessError as error:
        return not_compared(report, error)
    found = [agreement(one, other) for one, other in zip(expected, texts, strict=True)]
    words, differing = sum(a.words for a in found), sum(a.differing for a in found)
    if not words:
        return replace(report, notes=(*report.notes, "not compared: nothing was heard in the recordings"))
    share = 1 - differing / words
    heard = tuple(Heard(p.name, a.words, round(a.share, 4)) for p, a in zip(recordings, found, strict=True))
    report = replace(
        report, reference=how, words=words, agreement=round(share, 4), heard=heard, checked=(*report.checked, "words")
    )
    if share < LEAST:
        said = f"{100 * share:.1f} % of {words} words are those of its checkpoint"
        wrong = f"a bad conversion: {said}, and {100 * LEAST:.0f} % must be"
        return replace(report, faults=(*report.faults, wrong))
    return report


def not_compared(report: Report, why: EarwitnessError) -> Report:
    """A report that says why no words were compared."""
    return replace(report, notes=(*report.notes, f"not compared: {why.message}"))


def keep(stored: Stored, report: Report) -> None:
    """Put a report beside its model. Raises StorageFailed."""
    files.write_whole(directory.beside(stored.path, KEY), TypeAdapter(Report).dump_json(report, indent=1))


def known(stored: Stored) -> Report | None:
    """What was last found out about a model as it is; None where nothing was."""
    try:
        found = TypeAdapter(Report).validate_json(directory.beside(stored.path, KEY).read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.of == _of(stored) else None


def _of(stored: Stored) -> str:
    try:
        return hashlib.sha256(directory.beside(stored.path, manifest.KEY).read_bytes()).hexdigest()
    except OSError:
        return ""
