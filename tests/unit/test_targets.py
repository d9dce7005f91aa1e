"""The formats that suit a kind of machine: each known, documented, and made where it is missing."""

import re
from pathlib import Path

import pytest

from earwitness.errors import BadInput, Missing, NotFound
from earwitness.models import bring, directory, targets
from earwitness.models.convert import convert
from support import whisper

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.mark.parametrize("target", targets.TARGETS)
def test_every_row_is_a_format_with_a_precision_and_documented(tmp_path: Path, target: str) -> None:
    line = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{target}` |"))
    rows = targets.TARGETS[target]
    assert re.findall(r"`(\w+)/(\w+)`", line) == list(rows)
    for form, precision in rows:
        directory.place(tmp_path, "x", form, precision)


def test_what_is_missing_is_made_and_what_is_there_is_left(tmp_path: Path) -> None:
    source = bring.copied(whisper.MODEL, tmp_path, name="whisper-micro").path
    convert(source, tmp_path, model="whisper-micro", form="ggml", precision="q5_0")
    found = [(s.name, made) for s, made in targets.optimize(tmp_path, "Whisper-Micro", "cpu")]
    assert found == [("whisper-micro/ctranslate2-int8", True), ("whisper-micro/ggml-q5_0", False)]
    assert all(made is False for _, made in targets.optimize(tmp_path, "whisper-micro", "cpu"))


def test_a_format_whose_packages_are_missing_is_told_and_the_rest_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(source: Path, root: Path, *, form: str, model: str, precision: str) -> directory.Stored:
        if form == "ctranslate2":
            raise Missing("ctranslate2 is not installed")
        return convert(source, root, model=model, form=form, precision=precision)

    monkeypatch.setattr(targets, "convert", missing)
    bring.copied(whisper.MODEL, tmp_path, name="whisper-micro")
    (_, why), (made, now) = targets.optimize(tmp_path, "whisper-micro", "cpu")
    assert isinstance(why, Missing)
    assert (made.format, now) == ("ggml", True)


def test_a_target_or_a_checkpoint_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no target 'tpu'"):
        list(targets.optimize(tmp_path, "x", "tpu"))
    with pytest.raises(NotFound, match="base/whisper-base is not here"):
        list(targets.optimize(tmp_path, "base", "cpu"))
    with pytest.raises(BadInput, match="no name"):
        list(targets.optimize(tmp_path, "../x", "cpu"))
