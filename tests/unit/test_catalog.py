"""The catalog: names, aliases, and files that are there and are the right ones."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.errors import EngineFailed, Missing, UnknownModel
from earwitness.models import catalog
from earwitness.models.catalog import Catalog, Entry

HERE = Catalog(Path("no-such-folder"))


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A model inside a made-up package."""
    package = tmp_path / "made_up_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "weights.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    digest = hashlib.sha256(b"weights").hexdigest()
    return Entry("made-up", "fake", ("en",), "MIT", "Nobody", package.name, 7, files=(("w", "weights.bin", digest),))


@pytest.mark.parametrize("name", ["moonshine-tiny-en", "default", "whisper-1", "  Whisper-1 ", "MOONSHINE-TINY-EN"])
def test_names_and_aliases_lead_to_the_model(name: str) -> None:
    assert HERE.find(name).name == catalog.DEFAULT


def test_an_unknown_model_is_told_by_its_name() -> None:
    with pytest.raises(UnknownModel, match="whisper-9") as failure:
        HERE.find("whisper-9")
    assert failure.value.param == "model"


def test_no_two_models_share_a_name() -> None:
    names = [name for e in catalog.ENTRIES for name in (e.name, *e.aliases)]
    assert len(set(names)) == len(names)
    assert names == [name.lower() for name in names]


def test_the_double_is_not_shown() -> None:
    assert catalog.DEFAULT in [e.name for e in HERE.shown()]
    assert "fake" not in [e.name for e in HERE.shown()]


def test_the_embedded_model_is_the_one_that_was_measured() -> None:
    embedded = catalog.default()
    catalog.verify(embedded)
    assert sum(p.stat().st_size for p in catalog.locate(embedded).files.values()) == embedded.size


def test_files_are_found_by_their_role(entry: Entry) -> None:
    found = catalog.locate(entry)
    assert (found.name, found.format) == ("made-up", "fake")
    assert found.files["w"].read_bytes() == b"weights"
    catalog.verify(entry)


def test_a_changed_file_is_refused(entry: Entry) -> None:
    catalog.locate(entry).files["w"].write_bytes(b"other weights")
    with pytest.raises(EngineFailed, match=r"weights\.bin is not the one") as failure:
        catalog.verify(entry)
    assert "made_up_package" in failure.value.remedy


def test_a_missing_file_or_package_is_named(entry: Entry) -> None:
    catalog.locate(entry).files["w"].unlink()
    with pytest.raises(Missing, match=r"weights\.bin is missing"):
        catalog.locate(entry)
    with pytest.raises(Missing, match="no_such_package"):
        catalog.locate(replace(entry, package="no_such_package"))
