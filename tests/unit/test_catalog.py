"""The catalog: names, aliases, and files that are there and are the right ones."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness import config
from earwitness.errors import BadInput, EngineFailed, Missing, UnknownModel
from earwitness.models import bring, catalog, chosen, directory, known, stamps
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


# ── known Whispers ──
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("base", "whisper-base"),
        ("Whisper-Base", "whisper-base"),
        ("openai/whisper-base", "whisper-base"),
        ("turbo", "whisper-large-v3-turbo"),
        ("large-v3-turbo", "whisper-large-v3-turbo"),
        ("base.en", "whisper-base.en"),
        ("distil-whisper/distil-large-v3", "distil-large-v3"),
        ("faster-whisper-base", "whisper-base"),
        ("faster-whisper-large-v3-turbo-ct2", "whisper-large-v3-turbo"),
        ("faster-distil-whisper-medium.en", "distil-medium.en"),
        ("my-own", "my-own"),
        ("faster-my-own", "faster-my-own"),
    ],
)
def test_what_people_type_leads_to_a_known_whisper(typed: str, meant: str) -> None:
    assert known.plain(typed) == meant


def test_no_two_known_whispers_share_a_name() -> None:
    names = [*known.names(), *(k.repository for k in known.KNOWN)]
    assert len(set(names)) == len(names)
    assert names == [name.lower() for name in names]
    assert all(k.licence and k.parameters for k in known.KNOWN)


def _stored(root: Path, *names: str) -> Catalog:
    """A directory with GGML files of these names, which hold nothing."""
    (root / "ggml").mkdir()
    for name in names:
        (root / "ggml" / name).touch()
    return Catalog(root)


@pytest.mark.parametrize("name", ["whisper-base", "base", "openai/whisper-base", "whisper-base/ggml-q5_0"])
def test_a_stored_model_is_found_by_what_people_type(tmp_path: Path, name: str) -> None:
    here = _stored(tmp_path, "ggml-base-q5_0.bin", "ggml-base.en-q5_0.bin")
    assert [e.name for e in here.named(name)] == ["whisper-base/ggml-q5_0"]
    assert bring.stored(tmp_path, name).name == "whisper-base/ggml-q5_0"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("turbo", "earwitness models pull whisper-large-v3-turbo --to ctranslate2"),
        ("whisper-smal", "earwitness models pull whisper-small --to ctranslate2"),
        ("whisper-micr", "Did you mean whisper-micro"),
        ("moonshine-tiny", "Did you mean moonshine-tiny-en"),
        ("xyzzy", "earwitness models list"),
    ],
)
def test_a_model_that_is_not_here_comes_with_advice(tmp_path: Path, name: str, advice: str) -> None:
    with pytest.raises(UnknownModel, match=name) as failure:
        _stored(tmp_path, "ggml-micro.bin").find(name)
    assert advice in failure.value.remedy


# ── the installation's own names ──
def _aliased(root: Path, **aliases: str) -> Catalog:
    _stored(root, "ggml-base-q5_0.bin", "ggml-base.en-q5_0.bin")
    return Catalog(root, config.load(aliases={a.replace("_", "-"): n for a, n in aliases.items()}).aliases)


def test_aliases_go_before_all_other_names(tmp_path: Path) -> None:
    here = _aliased(tmp_path, Whisper_1="Whisper-Base", mine="whisper-base.en/ggml-q5_0", default="base.en")
    assert [here.find(n).name for n in ("whisper-1", "MINE", "default", "base")] == [
        "whisper-base/ggml-q5_0",
        "whisper-base.en/ggml-q5_0",
        "whisper-base.en/ggml-q5_0",
        "whisper-base/ggml-q5_0",
    ]


def test_aliases_are_listed_where_they_lead(tmp_path: Path) -> None:
    listed = {e.name: e.aliases for e in _aliased(tmp_path, whisper_1="whisper-base", lost="whisper-x").shown()}
    assert listed["whisper-base/ggml-q5_0"] == ("whisper-base", "whisper-1")
    assert "whisper-1" not in listed[catalog.DEFAULT]
    assert not any("lost" in aliases for aliases in listed.values())


def test_an_alias_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="no model whisper-small here, which 'dictation' stands for") as failure:
        _aliased(tmp_path, dictation="whisper-small").find("dictation")
    assert "pull whisper-small" in failure.value.remedy


@pytest.mark.parametrize(
    "aliases", [{"a/b": "x"}, {"": "x"}, {"a": ""}, {"a": "b", "b": "c"}, {"a": "a"}, {"a": "x", "A": "y"}]
)
def test_aliases_that_can_not_be_are_refused(aliases: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="aliases"):
        config.load(aliases=aliases)


def test_a_models_own_name_is_no_alias() -> None:
    with pytest.raises(BadInput, match="is a model"):
        Catalog(Path("no-such-folder"), {"moonshine-tiny-en": "whisper-base"})


def test_aliases_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_ALIASES", '{"whisper-1": "whisper-base"}')
    assert config.load().aliases == {"whisper-1": "whisper-base"}


# ── a directory that changes ──
def test_a_directory_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = _stored(tmp_path, "ggml-base-q5_0.bin")
    monkeypatch.setattr(stamps, "COARSE_NS", -(10**12))  # the clock of a file system that is exact
    here.find("base")
    monkeypatch.setattr(directory, "scan", lambda _: pytest.fail("read again"))
    for _ in range(3):
        assert here.find("base").format == "ggml"


def test_a_change_is_seen_at_once(tmp_path: Path) -> None:
    here = _stored(tmp_path, "ggml-base-q5_0.bin")
    assert here.find("base").size == 0
    (tmp_path / "ggml" / "ggml-base-q5_0.bin").write_bytes(b"12345")
    assert here.find("base").size == 5
    (tmp_path / "ggml" / "ggml-base-q8_0.bin").touch()
    assert len(here.named("base")) == 2
    for path in (tmp_path / "ggml").iterdir():
        path.unlink()
    with pytest.raises(UnknownModel):
        here.find("base")


def test_a_listing_taken_right_after_a_change_is_not_trusted(tmp_path: Path) -> None:
    _stored(tmp_path, "ggml-base-q5_0.bin")
    found = stamps.Stamps.of(tmp_path)
    assert not found.settled
    assert not found.hold()
    assert not replace(found, told={}).hold()


def test_a_settled_listing_holds_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stored(tmp_path, "ggml-base-q5_0.bin")
    monkeypatch.setattr(stamps, "COARSE_NS", -(10**12))
    found = stamps.Stamps.of(tmp_path)
    assert found.hold()
    (tmp_path / "ggml" / "ggml-base-q5_0.bin").write_bytes(b"1")
    assert not found.hold()
    again = stamps.Stamps.of(tmp_path)
    (tmp_path / "base").mkdir()
    assert not again.hold()
    nowhere = stamps.Stamps.of(tmp_path / "nowhere")
    assert nowhere.hold()
    (tmp_path / "nowhere").mkdir()
    assert not nowhere.hold()


def test_the_default_model_may_be_another_one_as_long_as_it_is_here(tmp_path: Path) -> None:
    kept = tmp_path / "chosen.json"
    here = Catalog(tmp_path / "models", kept=kept)
    chosen.write(kept, "Whisper-Base")
    assert here.find("default").name == catalog.DEFAULT, "what is not here is not used"
    folder = tmp_path / "models" / "base" / "whisper-base"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert here.find("whisper-1").name == here.find("default").name == "whisper-base/base"
    assert here.find(catalog.DEFAULT).name == catalog.DEFAULT
    assert Catalog(tmp_path / "models", {"default": catalog.DEFAULT}, kept).find("default").name == catalog.DEFAULT
    for broken in ("", "[]", '{"default": "default"}', '{"default": 7}'):
        kept.write_text(broken)
        assert here.find("default").name == catalog.DEFAULT


def test_a_chosen_default_is_shown_with_the_names_that_lead_to_it(tmp_path: Path) -> None:
    kept, folder = tmp_path / "chosen.json", tmp_path / "models" / "ctranslate2" / "whisper-base" / "int8"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json"):
        (folder / name).write_bytes(b"{}")
    chosen.write(kept, "whisper-base")
    shown = {entry.name: entry.aliases for entry in Catalog(tmp_path / "models", kept=kept).shown()}
    assert shown[catalog.DEFAULT] == ()
    assert {"default", "whisper-1", "whisper-base"} <= set(shown["whisper-base/ctranslate2-int8"])
