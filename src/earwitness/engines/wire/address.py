"""Where a remote model is, as a small JSON file tells it: the server's address, the model's name there, what it can do.

A key never stands in the file, only the name of the environment variable that holds it.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from earwitness.errors import BadInput, EngineFailed, NotFound
from earwitness.types import Task

WRITE = "Write it anew: `earwitness models remote NAME URL --model MODEL --replace`."


def _url(given: str) -> str:
    """An address of http or https without credentials and query, and without a slash at its end."""
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError as error:
        raise ValueError("it is no address") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s\\]", given):
        raise ValueError("it has to look like http://host:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it may hold no user and password; put the key into the environment, and name it in key_env")
    if parts.query or parts.fragment:
        raise ValueError("it may hold no query and no fragment")
    return given.rstrip("/")


class Remote(BaseModel):
    """One remote model. What an Earwitness server tells of its model goes before what stands here."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Annotated[str, Field(max_length=500), AfterValidator(_url)]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    key_env: Annotated[str | None, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)] = None
    timeout_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 120.0
    """How long one clip may take."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 4
    """Clips that are on their way at a time."""
    response_format: Literal["verbose_json", "json"] = "verbose_json"
    """`json` is for servers that give text without times."""
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] | None = None
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)] = ("transcribe", "translate")
    word_times: bool = False

    def key(self, name: str) -> str | None:
        """The key, from the environment. Raises EngineFailed where the variable holds none."""
        if self.key_env is None:
            return None
        key = os.environ.get(self.key_env, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise EngineFailed(
                f"{name} wants a key, and {self.key_env} holds {'no usable one' if key else 'none'}",
                remedy=f"Set the environment variable {self.key_env} to the key of {self.url}.",
            )
        return key


def told(**fields: object) -> Remote:
    """A remote model as somebody describes it. Raises BadInput naming the field that is wrong."""
    try:
        return Remote.model_validate(fields)
    except ValidationError as error:
        field, why = wrong(error)
        raise BadInput(f"{field}: {why}", remedy="Correct it and give the command again.", param=field) from None


def read(path: Path, name: str) -> Remote:
    """The description in a file. Raises NotFound, or EngineFailed for one that is damaged; `name` goes into both."""
    try:
        return Remote.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(f"{name}: there is no {path.name}", remedy=WRITE) from error
    except ValidationError as error:
        field, why = wrong(error)
        raise EngineFailed(f"{name} can't be used, {path.name} is wrong: {field}: {why}", remedy=WRITE) from None
    except OSError as error:
        raise EngineFailed(f"{name}: {path.name} can't be read: {error.strerror or error}") from error


def wrong(error: ValidationError) -> tuple[str, str]:
    """The first field that is wrong, and why, without what was given: it may be a key in the wrong place."""
    first = error.errors(include_input=False, include_url=False)[0]
    return ".".join(map(str, first["loc"])) or "it", first["msg"].removeprefix("Value error, ")
