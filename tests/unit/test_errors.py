"""The tree of errors: complete, drawn truly, and each class with all a person or program needs."""

import re

import pytest

from earwitness import errors
from earwitness.errors import Busy, EarwitnessError, HubFailed, TooMany, Unreachable


def _all(root: type[EarwitnessError] = EarwitnessError) -> list[type[EarwitnessError]]:
    return [root, *(c for sub in root.__subclasses__() if sub.__module__ == errors.__name__ for c in _all(sub))]


def _made(kind: type[EarwitnessError]) -> EarwitnessError:
    return kind("full", retry_after_s=3.0) if issubclass(kind, Busy) else kind("it went wrong")


def test_codes_are_unique_and_stable_in_form() -> None:
    codes = [kind.code for kind in _all()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", _all(), ids=lambda k: k.__name__)
def test_every_class_says_what_to_do(kind: type[EarwitnessError]) -> None:
    made = _made(kind)
    assert isinstance(made.retry, bool)
    assert made.message == str(made)
    assert made.remedy == kind.default_remedy
    assert re.fullmatch(r"[A-Z`].*[.!)]", made.remedy), "a remedy is a sentence"
    assert "code" in vars(kind), "a class without a code of its own can't be told from its parent"


def test_only_what_is_full_and_what_is_far_away_asks_to_come_back() -> None:
    assert [kind for kind in _all() if kind.retry] == [Busy, TooMany, HubFailed, Unreachable]
    assert Busy("full", retry_after_s=2.5).retry_after_s == 2.5


def test_a_given_remedy_and_param_go_before_the_default() -> None:
    made = errors.BadInput("no", remedy="Do this.", param="language")
    assert (made.remedy, made.param) == ("Do this.", "language")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.NotAudio, ValueError),
        (errors.NotFound, FileNotFoundError),
        (errors.UnknownModel, LookupError),
        (errors.Missing, ImportError),
        (errors.Unauthorized, PermissionError),
        (errors.EngineFailed, RuntimeError),
        (errors.StorageFailed, OSError),
    ],
)
def test_a_leaf_is_caught_by_the_builtin_that_fits(kind: type[EarwitnessError], builtin: type[Exception]) -> None:
    with pytest.raises(builtin, match="it went wrong"):
        raise _made(kind)


def test_the_drawing_lists_every_class_below_its_parent() -> None:
    lines = (errors.__doc__ or "").splitlines()
    drawn: dict[str, str] = {}
    branch = ""
    for line in lines:
        if found := re.match(r"(│  |   )?[├└]─ (\w+)", line):
            name = found.group(2)
            drawn[name] = branch if found.group(1) else "EarwitnessError"
            branch = branch if found.group(1) else name
    bases = {k.__name__: next(b.__name__ for b in k.__bases__ if issubclass(b, EarwitnessError)) for k in _all()[1:]}
    assert drawn == bases
