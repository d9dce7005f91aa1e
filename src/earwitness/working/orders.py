"""A recipe on its way into the queue and back, and the number under which a result is known."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache

from pydantic import TypeAdapter, ValidationError

from earwitness.errors import BadInput
from earwitness.stages.recipe import Recipe
from earwitness.types import Json


@cache
def _adapter() -> TypeAdapter[Recipe]:
    return TypeAdapter(Recipe)


def as_json(recipe: Recipe) -> dict[str, Json]:
    """A recipe as plain values, with all that is in it; the same for the same one."""
    found = _adapter().dump_python(recipe, mode="json")
    assert isinstance(found, dict)
    found["ask"]["optional"] = sorted(recipe.ask.optional)  # a set has no order of its own
    return found


def from_json(given: Mapping[str, Json]) -> Recipe:
    """The recipe of `as_json`. Raises BadInput for one that this version does not understand."""
    try:
        return _adapter().validate_python(dict(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BadInput(f"the job's recipe is not understood: {first['loc']}: {first['msg']}") from error


def result(digest: str, recipe: Mapping[str, Json]) -> str:
    """Hash of a recording's SHA-256 and a recipe: with the same one, the same comes out."""
    plain = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{digest} {plain}".encode()).hexdigest()
