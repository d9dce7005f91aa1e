"""Measures on this machine the ways to run a model, each in a process of its own, and keeps what came out.

    python -m earwitness.trial      the process: a request as JSON on its input, the result in the file that it names

A candidate that crashes, hangs or eats the memory takes only its own process with it. The sound is a recording's
speech, cut as in real work.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter

from earwitness import config
from earwitness.audio import decode
from earwitness.audio.decode import Report
from earwitness.errors import EarwitnessError
from earwitness.hardware import choose, measure
from earwitness.hardware.choose import Candidate
from earwitness.hardware.measure import Measured, Submit
from earwitness.kit import Kit
from earwitness.models.agreement import agreement
from earwitness.models.catalog import sample
from earwitness.models.isolated.process import ending
from earwitness.stages import speech
from earwitness.stages.recognise import LEAD, edges_s, framed
from earwitness.stages.speech import Listening
from earwitness.types import Ask, Can, Clip, Plan

LIMIT_S = 300.0
"""After which a candidate has failed."""

LEAST_S = 60.0
"""Of sound that a candidate is given; a shorter recording is heard several times."""

EXACT = ("float32", "f32", "base", "float16", "f16", "q8_0", "int8")
"""Ends of full names, the most exact first."""

Begin = Callable[[Candidate], None]
Done = Callable[[Candidate, Measured], None]


def every(
    candidates: Sequence[Candidate],
    sound: Path,
    *,
    limit_s: float = LIMIT_S,
    on_begin: Begin | None = None,
    on_done: Done | None = None,
) -> dict[str, Measured]:
    """What each candidate of one model does, by key, with the words it has in common with the most exact one."""
    found, texts = dict[str, Measured](), dict[str, str]()
    for candidate in candidates:
        if on_begin:
            on_begin(candidate)
        found[candidate.key], texts[candidate.key] = apart(candidate, sound, limit_s)
        if on_done:
            on_done(candidate, found[candidate.key])
    heard = [c for c in candidates if not found[c.key].error]
    if heard:
        reference = texts[min(heard, key=_inexact).key]
        for c in heard:
            found[c.key] = replace(found[c.key], agreement=agreement(reference, texts[c.key]).share)
    return found


def void(kit: Kit) -> dict[str, list[Candidate]]:
    """Models that were measured here before, and whose measurements no longer hold or lack a candidate."""
    known, found = kit.measured(), dict[str, list[Candidate]]()
    once = {m.model for m in known.values()}
    for name in kit.names():
        candidates, _ = kit.candidates(name)
        if any(c.model in once for c in candidates) and choose.unmeasured(candidates, known):
            found[name] = candidates
    return found


def again(kit: Kit) -> tuple[str, ...]:
    """Measure anew what `void` names, with the bundled recording; the names. Raises what reading and writing raise."""
    due = void(kit)
    for candidates in due.values():
        measure.write(kit.settings.measured, every(candidates, sample()))
    return tuple(due)


def apart(candidate: Candidate, sound: Path, limit_s: float = LIMIT_S) -> tuple[Measured, str]:
    """What a candidate does in a process of its own, and the text it heard; a failure stands in the result."""
    with tempfile.TemporaryDirectory(prefix="earwitness-") as scratch:
        told = Path(scratch) / "result.json"
        plan = Plan(candidate.engine, candidate.model, candidate.device, candidate.workers, "")
        request = {"plan": asdict(plan), "sound": str(sound), "result": str(told)}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "earwitness.trial"], input=json.dumps(request).encode(), timeout=limit_s,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _empty(candidate, f"took more than {limit_s:.0f} s"), ""
        try:
            numbers = json.loads(told.read_text("utf-8"))
        except (OSError, ValueError):
            return _empty(candidate, f"its process gave no result: {ending(done.returncode)}"), ""
    text, error = str(numbers.pop("text", "")), str(numbers.pop("error", ""))
    return replace(_empty(candidate, error), **numbers), text


def here(plan: Plan, sound: Path, kit: Kit) -> tuple[dict[str, float], str]:
    """Numbers and text of a Plan in this process. Raises what decoding, loading and recognising raise."""

    @contextmanager
    def opened() -> Iterator[tuple[Submit, list[Clip]]]:
        lane = kit.load(plan)
        try:
            with lane.seat() as seat:
                yield seat.submit, _clips(sound, kit, lane.can)
        finally:
            lane.close()

    return measure.run(opened)


def _clips(sound: Path, kit: Kit, can: Can) -> list[Clip]:
    """The speech of a recording, cut as in real work, again and again until it is enough."""
    listening = Listening()
    how = replace(listening, longest_s=min(listening.longest_s, can.max_clip_s - edges_s(listening.margin_s)))
    ask = Ask(language="en", optional=frozenset({"language"}))
    once = [
        Clip(framed(s.audio, s.span, LEAD, LEAD), ask)
        for s in speech.stretches(decode.stream(sound, Report()), kit.vad, how)
    ]
    length_s = sum(clip.audio.duration_s for clip in once)
    return once * max(1, math.ceil(LEAST_S / max(length_s, 1.0)))


def _inexact(candidate: Candidate) -> int:
    """Small for a model whose weights are as they were trained."""
    ends = [n for n, end in enumerate(EXACT) if candidate.model.endswith(end)]
    return min(ends, default=len(EXACT))


def _empty(candidate: Candidate, error: str) -> Measured:
    device = f"{candidate.device.kind} {candidate.device.name}"
    return Measured(candidate.engine, candidate.model, device, candidate.workers, measure.now(), error=error)


def main() -> None:
    """Do what the request on standard input asks for."""
    told = json.load(sys.stdin)
    plan = TypeAdapter(Plan).validate_python(told["plan"])
    try:
        with Kit(config.load()) as kit:
            numbers, text = here(plan, Path(told["sound"]), kit)
        found: dict[str, float | str] = {**numbers, "text": text}
    except EarwitnessError as error:
        found = {"error": error.message}
    Path(told["result"]).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
