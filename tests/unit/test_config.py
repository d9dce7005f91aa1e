"""Settings: where they come from, which goes first, and what is said about wrong ones."""

from pathlib import Path

import pytest

from earwitness import config
from earwitness.errors import BadInput, StorageFailed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that EARWITNESS_HOME points at."""
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    return tmp_path


def _toml(home: Path, text: str) -> None:
    (home / config.TOML).write_text(text)


def test_arguments_go_before_the_environment_and_that_before_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.load().port == 8000
    _toml(home, "port = 1111\nseats = 5\n")
    assert config.load().port == 1111
    monkeypatch.setenv("EARWITNESS_PORT", "2222")
    found = config.load()
    assert (found.port, found.seats) == (2222, 5)
    assert config.load(port=3333).port == 3333
    assert config.load(port=None).port == 2222


def test_home_is_where_the_environment_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.load().home == home
    assert config.load().scratch == home / "scratch"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("EARWITNESS_HOME", "~/kept")
    assert config.default_home() == home / "kept"


def test_without_the_environment_home_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARWITNESS_HOME")
    assert config.default_home().is_absolute()
    assert config.default_home().name == "earwitness"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("prot = 8000", "prot"),
        ("[api]\nkey = 'x'", "api"),
        ("port = 'many'", "port"),
        ("port = 70000", "port"),
        ("seats = 0", "seats"),
        ("max_upload_mb = -1", "max_upload_mb"),
        ("log_level = 'chatty'", "log_level"),
        ("allowed_hosts = [['a']]", "allowed_hosts"),
    ],
)
def test_a_wrong_line_in_the_file_is_named(home: Path, line: str, field: str) -> None:
    _toml(home, line)
    with pytest.raises(BadInput, match=rf"the setting {field}\b") as failure:
        config.load()
    assert f"EARWITNESS_{field.upper()} or {config.TOML}" in failure.value.remedy


@pytest.mark.parametrize("text", ["port = [", "no toml at all", "\ufeffport==1"])
def test_a_file_that_is_no_toml_is_named(home: Path, text: str) -> None:
    _toml(home, text)
    with pytest.raises(BadInput, match=config.TOML) as failure:
        config.load()
    assert str(home / config.TOML) in failure.value.remedy


@pytest.mark.parametrize(("name", "value"), [("PORT", "x"), ("WORKERS", "-1"), ("UNLOAD_AFTER_S", "0")])
def test_a_wrong_variable_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EARWITNESS_{name}", value)
    with pytest.raises(BadInput, match=name.lower()) as failure:
        config.load()
    assert f"EARWITNESS_{name}" in failure.value.remedy


def test_a_list_in_the_environment_is_json_and_that_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_ALLOWED_HOSTS", '["a.example", "b.example"]')
    assert config.load().allowed_hosts == ("a.example", "b.example")
    monkeypatch.setenv("EARWITNESS_ALLOWED_HOSTS", "a.example,b.example")
    with pytest.raises(BadInput, match="allowed_hosts") as failure:
        config.load()
    assert "JSON" in failure.value.remedy


def test_the_key_is_not_shown(home: Path) -> None:
    assert "sesame" not in repr(config.load(api_key="sesame"))


def test_a_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    made = config.ensure_folder(tmp_path / "a" / "b")
    assert made.is_dir()
    assert made.stat().st_mode & 0o077 == 0
    assert config.ensure_folder(made) == made


def test_a_folder_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="cannot be made"):
        config.ensure_folder(tmp_path / "file" / "folder")


def test_a_misspelt_name_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_PROT", "9000")
    with pytest.raises(BadInput, match="EARWITNESS_PROT") as caught:
        config.load()
    assert "EARWITNESS_PORT" in caught.value.remedy


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("true", ("default",)),
        ("yes", ("default",)),
        ("1", ("default",)),
        ("false", ()),
        ("0", ()),
        ("[]", ()),
        ('["whisper-base", "default"]', ("whisper-base", "default")),
    ],
)
def test_what_is_loaded_at_the_start_is_yes_no_or_names(
    home: Path, monkeypatch: pytest.MonkeyPatch, told: str, names: tuple[str, ...]
) -> None:
    assert config.load().preloaded == ("default",)
    monkeypatch.setenv("EARWITNESS_PRELOAD", told)
    assert config.load().preloaded == names


def test_a_name_to_load_that_is_no_list_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_PRELOAD", "whisper-base")
    with pytest.raises(BadInput, match="preload") as failure:
        config.load()
    assert "EARWITNESS_PRELOAD" in failure.value.remedy


def test_switches_of_the_original_server_go_by_their_own_names_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in config.BARE:
        monkeypatch.setenv(name, "true")
    found = config.load()
    assert all(getattr(found, name.lower()) for name in config.BARE)
    monkeypatch.setenv("EARWITNESS_ENABLE_GAIN", "0")
    monkeypatch.setenv("ENABLE_VOCAL_SEPARATION", "")
    found = config.load()
    assert (found.enable_gain, found.enable_vocal_separation, found.enable_noise_reduction) == (False, False, True)
    monkeypatch.setenv("ENABLE_NOISE_REDUCTION", "rather")
    with pytest.raises(BadInput, match="enable_noise_reduction"):
        config.load()


def test_switches_stand_in_the_file_by_one_name(home: Path) -> None:
    _toml(home, "enable_gain = true\n")
    assert config.load().enable_gain
    assert not config.load().enable_speaker_diarization
