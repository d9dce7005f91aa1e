"""Manifests, RTTM and UEM: what is read, and what is said of lines that are wrong."""

import json
from pathlib import Path

import pytest

from earwitness.errors import BadInput, NotFound, StorageFailed
from earwitness.rollout import manifest
from earwitness.rollout.manifest import Row
from earwitness.types import Turn, Word


def written(folder: Path, *lines: object) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    return path


def test_rows_are_read_and_what_is_not_known_is_left_alone(tmp_path: Path) -> None:
    whole = {
        "file": "a.wav", "kind": "diar", "duration": 3.0, "licence": "CC0", "text": "hello there", "language": "en",
        "n_speakers": 2, "turns": [["Bob", 1.0, 2.0, "there"], ["Ann", 0, 1.5, "hello"]],
        "words": [["hello", 0.1, 0.5]],
    }  # fmt: skip
    first, second = manifest.read(written(tmp_path, whole, "", {"file": "b.wav", "channel_text": ["yes", "no"]}))
    assert first.said == {"Ann": "hello", "Bob": "there"}
    assert first.timed == (Word("hello", 0.1, 0.5),)
    assert first.who(tmp_path) == (Turn(1.0, 2.0, "Bob"), Turn(0.0, 1.5, "Ann"))
    assert second.said == {"channel 1": "yes", "channel 2": "no"}
    assert (second.kind, second.text, second.who(tmp_path), second.timed) == ("all", None, None, None)


def test_kinds_and_a_limit_for_each(tmp_path: Path) -> None:
    path = written(tmp_path, *({"file": f"{n}.wav", "kind": "even odd".split()[n % 2]} for n in range(6)))
    assert [r.file for r in manifest.read(path, limit=2)] == ["0.wav", "1.wav", "2.wav", "3.wav"]
    assert [r.file for r in manifest.read(path, ("odd",), limit=2)] == ["1.wav", "3.wav"]
    with pytest.raises(BadInput, match="of the kind 'prime'") as raised:
        manifest.read(path, ("odd", "prime"))
    assert raised.value.remedy == "Its kinds are even, odd."


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "valid dictionary"),
        ('{"kind": "a"}', "file: Field required"),
        ('{"file": ""}', "file: "),
        ('{"file": "a", "text": 3}', "text: "),
        ('{"file": "a", "n_speakers": -1}', "n_speakers: "),
        ('{"file": "a", "words": [["x", 2, 1]]}', r"words\.0: Value error, 2.0 to 1.0 s is no stretch of time"),
        ('{"file": "a", "words": [["x", 0, Infinity]]}', "no stretch of time"),
        ('{"file": "a", "turns": [["x", 0, 1]]}', r"turns\.0"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(BadInput, match=rf"line 2 of .*{why}"):
        manifest.read(written(tmp_path, {"file": "fine.wav"}, line))


def test_manifests_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        manifest.read(tmp_path / "absent.jsonl")
    with pytest.raises(StorageFailed):
        manifest.read(tmp_path)
    with pytest.raises(BadInput, match="names no recordings"):
        manifest.read(written(tmp_path, ""))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(BadInput, match="no text"):
        manifest.read(tmp_path / "binary")


def test_rttm_and_uem(tmp_path: Path) -> None:
    (tmp_path / "a.rttm").write_text(
        ";; told by hand\nSPKR-INFO a 1 <NA> <NA> <NA> unknown Ann <NA>\n\n"
        "SPEAKER a 1 2.500 1.000 <NA> <NA> Bob <NA> <NA>\nSPEAKER a 1 0.000 2.750 <NA> <NA> Ann <NA> <NA>\n"
    )
    (tmp_path / "a.uem").write_text(";; told by hand\na 1 5.0 9.0\na 1 0.0 2.0\n")
    row = Row(file="a.wav", rttm="a.rttm", uem="a.uem", turns=(("Eve", 0.0, 1.0, "unheard"),))
    assert row.who(tmp_path) == (Turn(0.0, 2.75, "Ann"), Turn(2.5, 3.5, "Bob"))
    assert row.scored(tmp_path) == ((0.0, 2.0), (5.0, 9.0))
    assert Row(file="a.wav").scored(tmp_path) is None


@pytest.mark.parametrize("line", ["SPEAKER a 1 x 1 <NA> <NA> Ann", "SPEAKER a 1 0.0 -1 <NA> <NA> Ann", "SPEAKER a 1 0"])
def test_wrong_lines_of_rttm(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.rttm").write_text(f"SPEAKER a 1 0 1 <NA> <NA> Ann <NA> <NA>\n{line}\n")
    with pytest.raises(BadInput, match=r"line 2 of .*a\.rttm.* RTTM"):
        manifest.rttm(tmp_path / "a.rttm")
    with pytest.raises(NotFound):
        manifest.rttm(tmp_path / "b.rttm")


def test_an_uem_without_a_stretch_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.uem").write_text(";; nothing\n")
    with pytest.raises(BadInput, match="names no stretch"):
        manifest.uem(tmp_path / "a.uem")


@pytest.mark.parametrize("line", ["a 1 0.0", "a 1 5 4", "a 1 nan 4"])
def test_wrong_lines_of_uem(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.uem").write_text(line)
    with pytest.raises(BadInput, match=r"line 1 of .*a\.uem.* UEM"):
        manifest.uem(tmp_path / "a.uem")
