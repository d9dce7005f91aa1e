"""The kit: from the name of a model to a Plan and a lane, and why it sometimes can't."""

from collections.abc import Iterator

import pytest

from earwitness.config import Settings
from earwitness.engines import Spec
from earwitness.errors import Cancelled, Missing, UnknownModel, Unsupported
from earwitness.kit import Kit
from earwitness.models import catalog
from earwitness.plugins import Found
from earwitness.types import Audio, Clip, Machine
from support import sounds


@pytest.fixture
def own(settings: Settings) -> Iterator[Kit]:
    """A kit that the test may change."""
    with Kit(settings) as made:
        yield made


def test_an_alias_leads_to_a_plan_with_its_reason(own: Kit) -> None:
    plan = own.plan("whisper-1")
    assert (plan.engine, plan.model, plan.device) == ("moonshine", "moonshine-tiny-en", own.machine.devices[0])
    assert plan.workers == own.machine.cores
    assert "moonshine reads moonshine models" in plan.why


def test_workers_may_be_set(settings: Settings) -> None:
    with Kit(settings.model_copy(update={"workers": 3})) as own:
        assert own.plan("fake").workers == 3


def test_a_lane_is_loaded_once_and_works(own: Kit) -> None:
    with own.lane("fake") as (plan, lane), lane.seat() as seat:
        (segment,) = seat.submit(Clip(Audio(sounds.tone(0.5)))).result(20)
        assert segment.text.split() == ["mid"] * 5
        assert plan == own.plan("fake")
    with own.lane("fake") as (_, again):
        assert again is lane


def test_what_a_model_can_is_told(own: Kit) -> None:
    assert own.can("default").languages == ("en",)
    assert own.can("fake").word_times


def test_an_unknown_model_is_told(own: Kit) -> None:
    with pytest.raises(UnknownModel, match="whisper-9"):
        own.plan("whisper-9")


class _Engines:
    """A set of engines in place of the installed ones."""

    def __init__(self, *found: Found[Spec]) -> None:
        self._found = found

    def __iter__(self) -> Iterator[Found[Spec]]:
        return iter(self._found)


def test_an_engine_that_lacks_something_is_told_with_its_reason(own: Kit) -> None:
    moonshine = own.engines.get("moonshine")
    own.engines = _Engines(Found("moonshine", moonshine, "pip install onnxruntime"))  # type: ignore[assignment]
    with pytest.raises(Missing, match="moonshine: pip install onnxruntime"):
        own.plan("default")


def test_a_machine_without_a_fitting_device_is_told(own: Kit) -> None:
    own.machine = Machine("none", "none", 1, 0, ())
    with pytest.raises(Missing, match="no device of this machine suits it"):
        own.plan("default")


def test_a_model_that_no_engine_reads_is_unsupported(own: Kit) -> None:
    own.engines = _Engines(Found("broken", None, "it does not import"))  # type: ignore[assignment]
    with pytest.raises(Unsupported, match="no installed engine reads moonshine models") as failure:
        own.plan("default")
    assert failure.value.param == "model"


def test_a_closed_kit_gives_nothing(own: Kit) -> None:
    with own.lane("fake"):
        pass
    own.close()
    with pytest.raises(Cancelled), own.lane("fake"):
        pass


def test_every_model_in_the_catalog_has_a_plan(own: Kit) -> None:
    for entry in catalog.ENTRIES:
        assert own.plan(entry.name).model == entry.name
