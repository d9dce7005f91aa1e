"""Settings: facts about this installation, from the environment (`EARWITNESS_*`) and one TOML file.

What is to be done with a recording is a Recipe, not a setting; what an engine wants stands in its Options.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)
from typing_extensions import override

from earwitness.errors import BadInput, StorageFailed

TOML = "earwitness.toml"
PREFIX = "EARWITNESS_"
ALIAS = re.compile(r"[a-z0-9][a-z0-9._:-]{0,80}")
ORIGIN = re.compile(r"https?://[^/?#\s@]+")
ISSUER = re.compile(r"https?://[^?#\s\\@]{1,300}")
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
BARE = (
    "ENABLE_VOCAL_SEPARATION", "ENABLE_NOISE_REDUCTION", "ENABLE_GAIN", "ENABLE_PUNCTUATION_RESTORATION",
    "ENABLE_SPEAKER_DIARIZATION",
)  # fmt: skip
"""Settings that go by these names too, without the prefix: deployments of the original server have them."""

KEPT = ("text", "audio", "video", "pictures", "uploads")
"""What is kept in the archive, each for its own time; `text` is the whole recording."""

NOT_SETTINGS = ("EARWITNESS_REFERENCE_DATA", "EARWITNESS_BENCH_WHISPER")
"""Names that tests and benchmarks read."""


def default_home() -> Path:
    """Where everything is kept unless told otherwise: EARWITNESS_HOME, or the user's data folder."""
    told = os.environ.get("EARWITNESS_HOME")
    return Path(told).expanduser() if told else Path(platformdirs.user_data_dir("earwitness", appauthor=False))


class Settings(BaseSettings):
    """One field a fact. The environment goes before the TOML file in the home folder."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Field(default_factory=default_home)
    """Folder for everything that is kept."""
    models: Path | None = None
    """Folder of the models, which may be read-only and shared; `models` in the home folder where none is named."""
    aliases: Mapping[str, str] = Field(default_factory=dict)
    """Other names for models, such as whisper-1 for whisper-base; they go before all others."""
    database_url: SecretStr | None = None
    """Address of a PostgreSQL database for the archive, `postgresql://USER:PASSWORD@HOST/NAME`; else a file."""
    host: str = "127.0.0.1"
    """Address the server listens on. On anything but loopback nobody comes in without an account or the API key."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port the server listens on; 0 lets the system choose."""
    api_key: SecretStr | None = None
    """The key that clients send as `Authorization: Bearer KEY`."""
    max_upload_mb: Annotated[float, Field(gt=0)] = 2048.0
    """Largest upload in megabytes."""
    seats: Annotated[int, Field(ge=1)] = 32
    """Recordings in work at once; more are told to come back."""
    jobs_at_once: Annotated[int, Field(ge=0)] = 1
    """Jobs of the queue in work at once, beside the recordings that somebody waits for; 0 leaves them to others."""
    allow_private_urls: bool = False
    """Let jobs be fetched from, and hooks lead to, this machine and its network."""
    watch_folder: Path | None = None
    """A folder whose recordings are transcribed as they come."""
    live_sessions: Annotated[int, Field(ge=0)] = 32
    """Live sessions at once; fewer where the machine can't follow more, and the next is told when to come back."""
    live_idle_s: Annotated[float, Field(gt=0)] = 120.0
    """Seconds without sound after which a live session is ended."""
    live_keep_s: Annotated[float, Field(ge=0)] = 300.0
    """Seconds for which a live session waits for a client that vanished."""
    live_longest_h: Annotated[float, Field(gt=0)] = 25.0
    """Hours after which a live session is ended."""
    keep_live: bool = False
    """Store live sessions in the archive, unless a client says otherwise."""
    keep_audio: bool = False
    """Store the sound of those that are stored, unless a client says otherwise."""
    keep_days: Mapping[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Days after which recordings (`text`) and their files leave the archive, by what they are; 0 and others stay."""
    archive_mb: Annotated[float, Field(ge=0)] = 0.0
    """Most megabytes of the archive's files, of which the oldest go first; 0 is no limit."""
    min_free_mb: Annotated[float, Field(ge=0)] = 500.0
    """Megabytes that stay free on the archive's disk; files go for that, the oldest first. 0 takes care of nothing."""
    semantic_mb: Annotated[float, Field(ge=0)] = 256.0
    """Memory that search by meaning may take for what was said; the newest recordings are in it. 0 does without it."""
    wyoming_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port for voice assistants that speak Wyoming, such as Home Assistant, which has 10300; none without it."""
    wyoming_open: bool = False
    """Let everybody use that port who reaches it, as Wyoming knows no keys; needed on addresses but loopback."""
    wyoming_zeroconf: bool | None = None
    """Announce that port in the network; without it, on addresses but loopback."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Engine workers; 0 takes as many as the power profile gives."""
    power: Literal["auto", "performance", "balanced", "power_saver"] = "auto"
    """How much of the machine the work may take; auto goes by mains, charge and heat."""
    goal: Literal["throughput", "latency", "accuracy", "power"] = "throughput"
    """What engine, format and device are chosen for, by what `earwitness bench` measured here."""
    remeasure: bool = True
    """Let the server measure again what was measured before, when a driver, library or model changed."""
    engine_options: Mapping[str, Mapping[str, bool | int | float | str]] = Field(default_factory=dict)
    """Options by engine, such as a beam_size for ctranslate2; each engine's page names its own."""
    whispercpp_server: Path | None = None
    """A whisper-server program, in which GGML models run then."""
    whispercpp_cli: Path | None = None
    """A whisper-cli program, which runs GGML models too, and loads them for each batch of clips."""
    unload_after_s: Annotated[float, Field(gt=0)] = 600.0
    """Seconds after which a model nobody uses is unloaded."""
    preload: bool | tuple[str, ...] = True
    """What the server loads when it starts, so that the first request is not slow: the default model, or these."""
    preload_by_use: bool = True
    """Keep models loaded at the hours at which they are usually wanted, where there is room."""
    pin: tuple[str, ...] = ()
    """Models that stay in memory once they are loaded."""
    model_memory_mb: Annotated[float, Field(ge=0)] = 0.0
    """Memory that all models together may take; 0 takes three fifths of the machine's."""
    max_models: Annotated[int, Field(ge=0)] = 0
    """Models in memory at once; 0 is no limit."""
    keep_unfinished_days: Annotated[float, Field(ge=0)] = 14.0
    """Days for which interrupted work can go on where it was; 0 keeps nothing on the way."""
    isolate: Literal["all"] | tuple[str, ...] = ()
    """Engines that run in processes of their own, so that a crash of theirs is not one of ours."""
    enable_vocal_separation: bool = False
    """Take the voices out of music before they are heard, unless a request says otherwise."""
    enable_noise_reduction: bool = False
    """Likewise for noise."""
    enable_gain: bool = False
    """Likewise for bringing speech to one loudness."""
    enable_punctuation_restoration: bool = False
    """Likewise for punctuation and capitals in text that came without."""
    enable_speaker_diarization: bool = False
    """Likewise for telling speakers apart, over doors where they show."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged."""
    log_format: Literal["json", "text"] = "text"
    """One JSON object a line, or text for people."""
    allowed_hosts: tuple[str, ...] = ()
    """Names under which the server may be called; empty means any once there is a key or a user, else loopback."""
    cors: tuple[str, ...] = ()
    """Origins whose web pages may call, such as https://my.example; * lets all call that send a key."""
    admin_password_file: Path | None = None
    """File with the password of `admin`, who is made when the server starts and there is no user."""
    public_url: str | None = None
    """Address under which browsers reach the server, such as https://ears.example; else as each request says."""
    oidc_issuer: str | None = None
    """Issuer of an OpenID Connect provider by which users may log in."""
    oidc_client: str | None = None
    """Id of this server there."""
    oidc_secret: SecretStr | None = None
    """Its secret there; without one it is a public client."""
    oidc_secret_file: Path | None = None
    """File with that secret."""
    oidc_scopes: tuple[str, ...] = ("openid", "profile")
    """What is asked for there."""
    oidc_name_claim: str = "preferred_username"
    """The claim that names a user who is made at the first login."""
    oidc_groups_claim: str = "groups"
    """The claim with a user's groups; a dot leads into a table, as in realm_access.roles."""
    login_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies that say in a header who has logged in there; no others are believed."""
    proxy_header: str = "Remote-User"
    """That header."""
    proxy_groups_header: str | None = None
    """A header with their groups, with commas or bars between them."""
    new_users: Literal["viewer", "operator"] | None = None
    """Role of the account that somebody unknown gets for whom the provider or a proxy vouches; none without it."""
    group_roles: Mapping[str, Literal["admin", "operator", "viewer"]] = Field(default_factory=dict)
    """Roles by group, of which the highest counts, at each login of whoever has no password here."""

    @field_validator("aliases")
    @classmethod
    def _names(cls, aliases: Mapping[str, str]) -> Mapping[str, str]:
        """Small letters; an alias is one word, and leads to a model rather than to another alias."""
        found = {alias.strip().lower(): name.strip().lower() for alias, name in aliases.items()}
        for alias, name in found.items():
            if not ALIAS.fullmatch(alias):
                raise ValueError(f"{alias!r} is no name for a model")
            if name in found or not name:
                raise ValueError(f"{alias} leads to {name or 'nothing'}, which is no model")
        if len(found) < len(aliases):
            raise ValueError("an alias is there twice")
        return found

    @field_validator("keep_days")
    @classmethod
    def _kept_kinds(cls, days: Mapping[str, float]) -> Mapping[str, float]:
        if strange := sorted(set(days) - set(KEPT)):
            raise ValueError(f"{strange[0]!r} is none of {', '.join(KEPT)}")
        return days

    @field_validator("cors")
    @classmethod
    def _origins(cls, cors: tuple[str, ...]) -> tuple[str, ...]:
        """As browsers write them: small letters, no path."""
        found = tuple(origin.strip().lower().rstrip("/") for origin in cors)
        for origin in found:
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin[:80]!r} is no origin, such as https://my.example or http://localhost:5173")
        return found

    @field_validator("public_url", "oidc_issuer")
    @classmethod
    def _addresses(cls, url: str | None, info: ValidationInfo) -> str | None:
        """Without the slash at the end."""
        found, shape = (url or "").strip().rstrip("/"), ORIGIN if info.field_name == "public_url" else ISSUER
        if url is not None and not shape.fullmatch(found):
            raise ValueError(f"{url[:80]!r} is no address, such as https://my.example")
        return found or None

    @field_validator("login_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        if everybody := [proxy for proxy in proxies if ip_network(proxy).prefixlen == 0]:
            raise ValueError(f"{everybody[0]} is everybody, who could all say to be anybody")
        return proxies

    @field_validator("proxy_header", "proxy_groups_header")
    @classmethod
    def _headers(cls, name: str | None) -> str | None:
        if name is not None and not HEADER.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no name of a header")
        return name

    @property
    def models_folder(self) -> Path:
        """The model directory."""
        return self.models or self.home / "models"

    @property
    def archive(self) -> Path | str:
        """The archive's database: its file, or its address."""
        return self.home / "archive.db" if self.database_url is None else self.database_url.get_secret_value()

    @property
    def kept(self) -> Path:
        """Folder of the archive's files: what was recorded and uploaded."""
        return self.home / "archive"

    @property
    def measured(self) -> Path:
        """File of what was measured on this machine."""
        return self.home / "measured.json"

    @property
    def chosen(self) -> Path:
        """File of the default model that somebody chose."""
        return self.home / "chosen.json"

    @property
    def preloaded(self) -> tuple[str, ...]:
        """Names of the models that the server loads when it starts; `default` is the default model."""
        return self.preload if isinstance(self.preload, tuple) else ("default",) * self.preload

    @property
    def unfinished(self) -> Path:
        """Folder of what long work keeps on its way."""
        return self.home / "unfinished"

    @property
    def sessions(self) -> Path:
        """Folder of the journals of live sessions."""
        return self.home / "sessions"

    @property
    def scratch(self) -> Path:
        """Folder for files that live as long as a request."""
        return self.home / "scratch"

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        bare: dict[str, object] = {name.lower(): os.environ[name] for name in BARE if os.environ.get(name)}
        file = TomlConfigSettingsSource(settings_cls, toml_file=default_home() / TOML)
        return init_settings, env_settings, InitSettingsSource(settings_cls, bare), file


def load(**given: object) -> Settings:
    """The settings of this installation; `given` values go before all else.

    Raises BadInput naming the field that is wrong, or a name in the environment that is no setting.
    """
    _refuse_misspelt()
    try:
        return Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(p) for p in first["loc"]) or "settings"
        raise BadInput(
            f"the setting {field} is wrong: {first['msg']}",
            remedy=f"Correct EARWITNESS_{field.partition('.')[0].upper()} or {TOML}.",
        ) from error
    except SettingsError as error:
        raise BadInput(
            f"a setting in the environment cannot be read: {error}",
            remedy="""Write lists and tables as JSON, such as EARWITNESS_ALLOWED_HOSTS='["one.example"]'.""",
        ) from error
    except ValueError as error:
        raise BadInput(f"{TOML} cannot be read: {error}", remedy=f"Correct {default_home() / TOML}.") from error


def _refuse_misspelt() -> None:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in (*known, *NOT_SETTINGS):
            near = get_close_matches(name.upper(), known, 1)
            remedy = f"Did you mean {near[0]}?" if near else f"The settings are: {', '.join(known)}."
            raise BadInput(f"{name} is no setting", remedy=f"{remedy} Otherwise remove it from the environment.")


def ensure_folder(path: Path) -> Path:
    """The folder, made if need be, readable by its owner only. Raises StorageFailed."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageFailed(f"the folder {path} cannot be made: {error.strerror or error}") from error
    return path
