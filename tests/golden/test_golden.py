"""One fixed transcript in every format, against the files beside this one.

After a wanted change of a format, write the files anew with `RENEW_GOLDEN=1 pytest tests/golden` and read the diff.
"""

import os
from pathlib import Path

import pytest

from earwitness import export
from earwitness.export import full
from earwitness.types import Notice, Provenance, Segment, SourceInfo, Suppressed, Token, Transcript, Word

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


@pytest.mark.parametrize("name", export.FORMATS)
def test_a_format_is_written_as_ever(name: str) -> None:
    path = HERE / f"kitchen.{export.find(name).extension}"
    found = export.render(TRANSCRIPT, name)
    if os.environ.get("RENEW_GOLDEN"):
        path.write_bytes(found.encode())
    assert found == path.read_bytes().decode()


def test_the_golden_json_is_still_read() -> None:
    assert full.loads((HERE / "kitchen.json").read_bytes().decode()) == TRANSCRIPT


def test_every_golden_file_belongs_to_a_format() -> None:
    expected = {f"kitchen.{f.extension}" for f in export.FORMATS.values()}
    assert {p.name for p in HERE.glob("kitchen.*")} == expected
