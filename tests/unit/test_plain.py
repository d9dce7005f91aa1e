"""Plain lines: txt and tsv, and formats by name."""

from dataclasses import replace

import pytest

from earwitness import export
from earwitness.errors import BadInput
from earwitness.export import plain
from earwitness.export.labels import letters
from earwitness.types import Provenance, Segment, Speaker, Transcript, Turn


def _transcript(*segments: tuple[float, float, str]) -> Transcript:
    origin = Provenance("0", "fake", "fake", "test", {})
    return Transcript(tuple(Segment(*s) for s in segments), 99.0, "en", "transcribe", origin)


def test_txt_is_a_sentence_a_line() -> None:
    assert plain.txt(_transcript((0, 1, "Hello."), (1, 2, "How\n are\tyou? "))) == "Hello.\nHow are you?\n"


def test_tsv_is_a_table_in_milliseconds() -> None:
    found = plain.tsv(_transcript((0, 1.2345, "Hello."), (3661.0005, 3662, "a\tb\nc")))
    assert found == "start\tend\ttext\n0\t1234\tHello.\n3661000\t3662000\ta b c\n"


def test_a_recording_without_speech_is_empty() -> None:
    assert plain.txt(_transcript()) == ""
    assert plain.tsv(_transcript()) == "start\tend\ttext\n"


@pytest.mark.parametrize("name", ["txt", "SRT", "vtt", "json", "verbose_json", "tsv"])
def test_every_format_is_found_and_renders(name: str) -> None:
    assert export.find(name).name == name.lower()
    assert export.render(_transcript((0, 1, "Hello.")), name) != ""


def test_an_unknown_format_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="docx") as failure:
        export.find("docx")
    assert "txt, srt, vtt, json, verbose_json, tsv" in failure.value.remedy
    assert failure.value.param == "format"


def test_extensions_are_unlike() -> None:
    extensions = [f.extension for f in export.FORMATS.values()]
    assert len(set(extensions)) == len(extensions)


# ── who says it ──
@pytest.mark.parametrize(
    ("speakers", "labels"),
    [
        ((("Nell", None), (None, None)), ["Nell", "S2"]),
        (((" Nell\n B", None), ("Nell B", None)), ["Nell B", "Nell B"]),
        ((("Anna", "p_1"), ("Anna", "p_1")), ["Anna", "Anna"]),
        ((("Anna", "p_1"), ("Anna", "p_2")), ["Anna", "Anna (S2)"]),
        ((("S2", None), (None, None)), ["S2 (S1)", "S2"]),
        (((None, None), ("S1", "p_1")), ["S1", "S1 (S2)"]),
        ((("S2", None), ("Bert", None)), ["S2", "Bert"]),
    ],
    ids=["plain", "one-name", "one-person", "two-people", "as-an-id", "as-an-id-before", "as-no-label"],
)
def test_two_speakers_have_two_labels_unless_they_are_one(
    speakers: tuple[tuple[str | None, str | None], ...], labels: list[str]
) -> None:
    said = _transcript((0, 1, "Hello."), (1, 2, "You."))
    ids = [f"S{n}" for n in range(1, len(speakers) + 1)]
    found = replace(
        said,
        segments=tuple(replace(s, speaker=i) for s, i in zip(said.segments, ids, strict=True)),
        turns=tuple(Turn(n, n + 1, i) for n, i in enumerate(ids)),
        speakers=tuple(Speaker(i, 1.0, name=name, person=who) for i, (name, who) in zip(ids, speakers, strict=True)),
    )
    assert [line.split(": ")[0] for line in plain.txt(found).splitlines()] == labels
    assert [line.split()[7].replace("_", " ") for line in export.render(found, "rttm").splitlines()] == labels


def test_openai_calls_two_people_of_one_name_by_two() -> None:
    two = (Speaker("S1", 1.0, name="A", person="p_1"), Speaker("S2", 1.0), Speaker("S3", 1.0, name="A", person="p_2"))
    found = replace(_transcript(), speakers=two)
    assert letters(found) == {"S1": "A", "S2": "B", "S3": "A (S3)"}
