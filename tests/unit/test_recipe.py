"""A recipe in plain values: complete, comparable, and fit for JSON."""

import json
from dataclasses import fields, replace

import pytest

from earwitness.stages.guard import Guarding
from earwitness.stages.recipe import Recipe
from earwitness.stages.speech import Listening
from earwitness.types import Ask


def test_every_field_stands_in_the_plain_values() -> None:
    found = Recipe().as_json()
    assert set(found) == {f.name for f in fields(Recipe)}
    for name, kind in (("ask", Ask), ("listening", Listening), ("guarding", Guarding)):
        inner = found[name]
        assert isinstance(inner, dict)
        assert set(inner) == {f.name for f in fields(kind)}


def test_plain_values_survive_json() -> None:
    recipe = Recipe(ask=Ask(language="en", hotwords=("Nagg", "Nell")), channel=1, from_s=2.5, to_s=9.0)
    found = recipe.as_json()
    assert json.loads(json.dumps(found)) == found
    assert found["ask"]["hotwords"] == ["Nagg", "Nell"]  # type: ignore[index, call-overload]


def test_equal_recipes_read_the_same_whatever_the_order_of_sets() -> None:
    one, other = (Recipe(ask=Ask(optional=frozenset(names))) for names in (("prompt", "task"), ("task", "prompt")))
    assert json.dumps(one.as_json()) == json.dumps(other.as_json())


@pytest.mark.parametrize(
    "other",
    [
        Recipe(model="fake"),
        Recipe(ask=Ask(logprobs=True)),
        Recipe(channel=0),
        Recipe(from_s=1.0),
        Recipe(to_s=1.0),
        Recipe(listening=Listening(join_s=1.0)),
        Recipe(guarding=Guarding(phantoms=False)),
    ],
)
def test_unlike_recipes_read_unlike(other: Recipe) -> None:
    assert other.as_json() != Recipe().as_json()


def test_a_value_without_plain_form_is_refused() -> None:
    odd = replace(Recipe(), model=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no plain value"):
        odd.as_json()
