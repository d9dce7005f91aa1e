"""Our own JSON: against its published schema, and what a reader refuses."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from earwitness import batch, types
from earwitness.errors import BadInput
from earwitness.export import full
from earwitness.export.layout import Layout
from earwitness.kit import Kit
from earwitness.noted import Note
from earwitness.stages.recipe import Recipe
from earwitness.types import Ask, Transcript

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "transcript.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def real(sample: Path, kit: Kit) -> Transcript:
    """The sample, with its tokens."""
    return batch.run(sample, Recipe(ask=Ask(logprobs=True, prompt="Nagg")), kit)


def _plain(transcript: Transcript) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(full.dumps(transcript))
    return found


def test_real_output_follows_the_schema(real: Transcript) -> None:
    plain = _plain(real)
    VALIDATOR.validate(plain)
    assert plain["text"] == real.text
    assert plain["segments"][0]["tokens"]
    assert plain["provenance"]["not_honoured"] == ["prompt"]


def test_real_output_comes_back_whole(real: Transcript) -> None:
    assert full.loads(full.dumps(real)) == real


def test_what_was_noted_stands_there_only_where_something_was(real: Transcript) -> None:
    noted = json.loads(full.dumps(real, Layout(notes=(Note(0.5, 1.0, "highlight", ""),))))
    VALIDATOR.validate(noted)
    assert noted.pop("notes") == [{"start_s": 0.5, "end_s": 1.0, "kind": "highlight", "text": ""}]
    assert noted == _plain(real)


def test_the_schema_is_a_schema_of_this_version() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert SCHEMA["$id"] == SCHEMA["properties"]["schema"]["const"] == full.SCHEMA


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("segment", types.Segment),
        ("word", types.Word),
        ("suppressed", types.Suppressed),
        ("provenance", types.Provenance),
        ("source", types.SourceInfo),
        ("notice", types.Notice),
        ("turn", types.Turn),
        ("speaker", types.Speaker),
        ("note", Note),
        (None, types.Transcript),
    ],
)
def test_the_schema_names_every_field_and_demands_it(name: str | None, kind: type) -> None:
    part = SCHEMA if name is None else SCHEMA["$defs"][name]
    derived = {None: {"schema", "text"}, "segment": {"compression_ratio"}}
    expected = {f.name for f in fields(kind)} | derived.get(name, set())
    assert set(part["required"]) == expected
    assert set(part["properties"]) - expected == ({"notes"} if name is None else set())
    assert part["additionalProperties"] is False


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], "earwitness.transcript/2"),
        (["task"], "summarise"),
        (["extra"], 1),
        (["complete"], "yes"),
        (["segments", 0, "start_s"], -1),
        (["segments", 0, "confidence"], 1.5),
        (["segments", 0, "speaker"], 1),
        (["segments", 0, "tokens", 0, "bytes"], [256]),
        (["provenance", "source", "rate"], "16k"),
    ],
)
def test_the_schema_is_strict(real: Transcript, path: list[str | int], value: object) -> None:
    plain = _plain(real)
    inner: Any = plain
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert not VALIDATOR.is_valid(plain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no transcript"),
        ('"text"', "no transcript"),
        ("{}", "this is no earwitness.transcript/1 but None"),
        ('{"schema": "earwitness.transcript/2"}', "but 'earwitness.transcript/2'"),
        ('{"schema": "earwitness.transcript/1"}', "damaged: KeyError: 'provenance'"),
    ],
)
def test_what_is_no_transcript_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadInput) as failure:
        full.loads(text)
    assert message in failure.value.message


@pytest.mark.parametrize("damage", ["segments", "provenance", "suppressed", "duration_s"])
def test_a_damaged_transcript_is_refused(real: Transcript, damage: str) -> None:
    for broken in ("x", 5, None):
        with pytest.raises(BadInput, match="damaged"):
            full.from_json(_plain(real) | {damage: [broken] if damage != "duration_s" else "x"})
    without = _plain(real)
    del without[damage]
    with pytest.raises(BadInput, match="damaged"):
        full.from_json(without)


def test_text_is_written_as_it_is(real: Transcript) -> None:
    assert "…" in full.dumps(Transcript((types.Segment(0, 1, "so…"),), 1.0, "en", "transcribe", real.provenance))
