"""Plain lines: txt and tsv, and formats by name."""

import pytest

from earwitness import export
from earwitness.errors import BadInput
from earwitness.export import plain
from earwitness.types import Provenance, Segment, Transcript


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
