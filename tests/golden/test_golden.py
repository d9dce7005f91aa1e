"""One fixed transcript in every format, against the files beside this one.

After a wanted change of a format, write the files anew with `RENEW_GOLDEN=1 pytest tests/golden` and read the diff.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness import export
from earwitness.export import full
from earwitness.types import Notice, Provenance, Segment, SourceInfo, Speaker, Suppressed, Token, Transcript, Turn, Word

HERE = Path(__file__).parent
TRANSCRIPT = Transcript(
    segments=(
        Segment(
            0.512,
            2.048,
            "Did you say “crème”?",
            language="en",
            words=(
                Word("Did", 0.512, 0.7, 0.98),
                Word("you", 0.7, 0.9, 0.99),
                Word("say", 0.9, 1.25, 0.97),
                Word("“crème”?", 1.25, 2.048, 0.62, aligned=False),
            ),
            tokens=(
                Token(11, b" Did you say", -0.02),
                Token(12, b" \xe2\x80\x9ccr\xc3", -0.5),
                Token(13, b"\xa8me", -1.5),
            ),
            token_ids=(11, 12, 13),
            avg_logprob=-0.6733,
            confidence=0.51,
            no_speech_prob=0.04,
            language_prob=0.97,
        ),
        Segment(
            3661.5,
            3668.75,
            "If it's <b>not</b> butter & milk, then I can't tell you what it is, and neither can the cook.",
            language="en",
            token_ids=(21, 22),
            avg_logprob=-0.2,
            confidence=0.82,
            no_speech_prob=0.1,
            marks=("forced_cut",),
        ),
        Segment(3669.0, 3669.2, "No.", language="en"),
    ),
    duration_s=3700.125,
    language="en",
    task="transcribe",
    provenance=Provenance(
        earwitness="1.2.3",
        engine="fake",
        model="fake",
        device="a processor",
        recipe={"model": "fake", "ask": {"language": "en", "hotwords": []}, "to_s": None},
        source=SourceInfo("matroska,webm", "opus", 48_000, 2, 3700.125),
        not_honoured=("prompt",),
        notices=(Notice("phantom", "words that recognisers make up over noise were left out"),),
    ),
    suppressed=(Suppressed(12.0, 13.0, "phantom", "Thank you."),),
    complete=False,
)


CONVERSATION = replace(
    TRANSCRIPT,
    segments=(
        replace(TRANSCRIPT.segments[0], speaker="S1", words=tuple(
            replace(w, speaker="S1") for w in TRANSCRIPT.segments[0].words
        )),
        Segment(2.2, 3.0, "I did, and I said it loud enough for the whole street to hear it.", "en", speaker="S2"),
        Segment(3.0, 3.4, "Twice!", "en", speaker="S2"),
        Segment(10.0, 10.5, "Hm.", "en"),
        replace(TRANSCRIPT.segments[1], speaker="S1"),
        replace(TRANSCRIPT.segments[2], speaker="S3"),
    ),
    turns=(
        Turn(0.5, 2.1, "S1"), Turn(2.0, 3.5, "S2"), Turn(3661.5, 3668.8, "S1"), Turn(3669.0, 3669.2, "S3"),
    ),
    speakers=(
        Speaker("S1", 8.9, 0.8, name="Nell & Co", person="p-17", voice=(0.6, 0.8)),
        Speaker("S2", 1.5, 0.4),
        Speaker("S3", 0.2),
    ),
    complete=True,
)  # fmt: skip
SCENES = {"kitchen": TRANSCRIPT, "conversation": CONVERSATION}
NAMED = [(scene, name) for scene in SCENES for name in export.FORMATS]


@pytest.mark.parametrize(("scene", "name"), NAMED)
def test_a_format_is_written_as_ever(scene: str, name: str) -> None:
    path = HERE / f"{scene}.{export.find(name).extension}"
    found = export.render(SCENES[scene], name)
    if os.environ.get("RENEW_GOLDEN"):
        path.write_bytes(found.encode())
    assert found == path.read_bytes().decode()


@pytest.mark.parametrize("scene", SCENES)
def test_the_golden_json_is_still_read(scene: str) -> None:
    assert full.loads((HERE / f"{scene}.json").read_bytes().decode()) == SCENES[scene]


@pytest.mark.parametrize("scene", SCENES)
def test_every_golden_file_belongs_to_a_format(scene: str) -> None:
    expected = {f"{scene}.{f.extension}" for f in export.FORMATS.values()}
    assert {p.name for p in HERE.glob(f"{scene}.*")} == expected
