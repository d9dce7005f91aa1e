"""What a model on a server can: an Earwitness tells it."""

from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from earwitness.engines.wire.address import Remote
from earwitness.engines.wire.line import Line, Refused
from earwitness.errors import EngineFailed, UnknownModel, Unsupported
from earwitness.types import Task


class Able(BaseModel):
    """What is asked of an Earwitness's `GET /models/{name}`."""

    languages: tuple[str, ...] | None
    tasks: tuple[Task, ...]
    word_times: bool
    prompt: bool
    hotwords: bool
    temperature: bool
    detects_language: bool


class _Detail(BaseModel):
    can: Able


def ask(line: Line, remote: Remote) -> Able | None:
    """What the model can where the server is an Earwitness, which loads it for that; None for any other server.

    Raises EngineFailed for a server that can't be reached, does not take the key, or has no such model.
    """
    try:
        line.get(f"{remote.url}/models")
    except Unsupported as error:
        raise EngineFailed(error.message) from error
    except Refused as error:
        if error.status not in {404, 405, 501}:  # a server that lists no models may have one all the same
            raise
    try:
        return _Detail.model_validate_json(
            line.get(f"{remote.url.removesuffix('/v1')}/models/{quote(remote.model)}")
        ).can
    except Refused as error:
        if error.told_code == UnknownModel.code:
            raise
    except (Unsupported, ValidationError):
        pass
    return None
