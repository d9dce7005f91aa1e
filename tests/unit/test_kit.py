"""The kit: from the name of a model to a Plan and a lane, and why it sometimes can't."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from earwitness import batch
from earwitness.config import Settings
from earwitness.engines import Engine, Spec, fake
from earwitness.errors import BadInput, Cancelled, EngineFailed, Missing, TooLittleMemory, UnknownModel, Unsupported
from earwitness.kit import REST_S, Kit
from earwitness.models import bring, catalog
from earwitness.models.lane import FAILING
from earwitness.models.room import Limits
from earwitness.plugins import Found
from earwitness.stages.recipe import Recipe
from earwitness.types import Audio, Clip, Device, Machine, ModelFiles
from support import sounds, whisper


@pytest.fixture
def own(settings: Settings) -> Iterator[Kit]:
    """A kit that the test may change."""
    with Kit(settings) as made:
        yield made


def test_an_alias_leads_to_a_plan_with_its_reason(own: Kit) -> None:
    plan = own.plan("whisper-1")
    assert (plan.engine, plan.model, plan.device) == ("moonshine", "moonshine-tiny-en", own.machine.devices[0])
    assert plan.workers == own.machine.cores
    assert "the only one here" in plan.why


def test_engines_are_told_their_options_and_wrong_ones_are_named(settings: Settings) -> None:
    with Kit(settings.model_copy(update={"engine_options": {"fake": {"no_such": 1}}})) as own:
        with pytest.raises(BadInput, match="no_such") as failure, own.lane("fake"):
            pass
        assert "EARWITNESS_ENGINE_OPTIONS" in failure.value.remedy


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


def test_a_checkpoint_that_nothing_runs_is_told_with_what_converts_it(settings: Settings, tmp_path: Path) -> None:
    bring.copied(whisper.MODEL, tmp_path, name="whisper-x")
    reader = _Shaky()
    reader.formats = ("base",)
    with Kit(settings.model_copy(update={"models": tmp_path})) as own:
        own.engines = _Engines(Found("torch", reader, "torch is not installed"))  # type: ignore[assignment]
        with pytest.raises(Missing, match="torch is not installed") as failure:
            own.plan("whisper-x")
    assert "earwitness models convert whisper-x" in failure.value.remedy


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


class _Shaky:
    """The double under another name, whose library breaks while `broken`."""

    name = "shaky"
    formats: tuple[str, ...] = fake.spec.formats
    libraries: tuple[str, ...] = ()
    Options: type[BaseModel] = fake.Options
    broken = True
    options = fake.Options()

    def missing(self) -> str | None:
        return None

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return fake.spec.devices(machine)

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if self.broken:
            raise ImportError("libshaky.so: cannot open shared object file")
        return fake.spec.load(files, device, self.options)


class _Two(Kit):
    """A kit in which the shaky engine stands before the double."""

    def __init__(self, settings: Settings, clock: Callable[[], float], *, warm: bool = False) -> None:
        super().__init__(settings, clock=clock, warm=warm)
        self.shaky = _Shaky()
        self.engines = _Named(self.shaky, fake.spec)  # type: ignore[assignment]


class _Named:
    def __init__(self, *specs: Spec) -> None:
        self._specs = specs

    def __iter__(self) -> Iterator[Found[Spec]]:
        return (Found(s.name, s, None) for s in self._specs)

    def get(self, name: str) -> Spec:
        return next(s for s in self._specs if s.name == name)


def test_an_engine_that_breaks_while_loading_leaves_the_work_to_the_next_and_is_tried_again(settings: Settings) -> None:
    now = [0.0]
    with _Two(settings, lambda: now[0]) as own:
        for _ in range(2):
            with own.lane("fake") as (plan, lane), lane.seat() as seat:
                assert seat.submit(Clip(Audio(sounds.tone(0.5)))).result(20)
            assert plan.engine == "fake"
            assert "libshaky.so" in plan.fell_from[0]
        own.shaky.broken = False
        with own.lane("fake") as (plan, _):
            assert plan.engine == "fake"
        now[0] += REST_S
        with own.lane("fake") as (plan, _):
            assert (plan.engine, plan.fell_from) == ("shaky", ())


def test_an_engine_that_breaks_over_clip_after_clip_leaves_the_work_to_the_next(settings: Settings) -> None:
    now, clip = [0.0], Clip(Audio(sounds.tone(0.5)))
    with _Two(settings, lambda: now[0]) as own:
        own.shaky.broken, own.shaky.options = False, fake.Options(fail_above=0.0)
        for _ in range(FAILING):
            with own.lane("fake") as (plan, lane), lane.seat() as seat:
                assert plan.engine == "shaky"
                with pytest.raises(EngineFailed):
                    seat.submit(clip).result(20)
        for _ in range(2):
            with own.lane("fake") as (plan, lane), lane.seat() as seat:
                assert seat.submit(clip).result(20)
            assert plan.engine == "fake"
            assert "several clips in a row: the double was told to fail" in plan.fell_from[0]
        now[0] += REST_S
        with own.lane("fake") as (plan, _):
            assert (plan.engine, plan.fell_from) == ("shaky", ())


def test_the_transcript_tells_that_an_engine_was_left_out(settings: Settings) -> None:
    with _Two(settings, lambda: 0.0) as own:
        found = batch.run(sounds.wav(sounds.tone(1.0)), Recipe(model="fake"), own)
    assert found.provenance.engine == "fake"
    assert found.provenance.notices[0].code == "engine_fell_back"


def test_when_none_loads_the_last_reason_is_told(settings: Settings) -> None:
    with _Two(settings, lambda: 0.0) as own:
        own.engines = _Named(own.shaky)  # type: ignore[assignment]
        with pytest.raises(EngineFailed, match=r"libshaky\.so"), own.lane("fake"):
            pass


# ── memory ──
def test_models_may_take_a_share_of_the_machine_or_what_a_setting_says(settings: Settings, own: Kit) -> None:
    assert own.pool.limits == Limits(int(0.6 * own.machine.memory), None)
    with Kit(settings.model_copy(update={"model_memory_mb": 500, "max_models": 3})) as other:
        assert other.pool.limits == Limits(500_000_000, 3)


def test_a_model_that_takes_too_much_leaves_the_work_to_the_next_that_does_not(settings: Settings) -> None:
    with Kit(settings.model_copy(update={"model_memory_mb": 1})) as own:
        with pytest.raises(TooLittleMemory, match="moonshine-tiny-en takes about 88 MB"):
            own.can("default")
        assert own.can("fake").parallel


def test_pinned_models_are_known_by_any_name_and_must_be_there(settings: Settings) -> None:
    with Kit(settings.model_copy(update={"pin": ("whisper-1",), "max_models": 1})) as own:
        own.can("default")
        with pytest.raises(TooLittleMemory, match="beside the pinned models"):
            own.can("fake")
    with pytest.raises(UnknownModel, match="a pinned model is not here") as failure:
        Kit(settings.model_copy(update={"pin": ("whisper-9",)}))
    assert "EARWITNESS_PIN" in failure.value.remedy


def test_a_warm_kit_falls_back_from_an_engine_that_loads_and_does_not_work(settings: Settings) -> None:
    with _Two(settings, lambda: 0.0, warm=True) as own:
        own.shaky.broken, own.shaky.options = False, fake.Options(fail_above=0.0)
        with own.lane("fake") as (plan, _):
            assert plan.engine == "fake"
            assert "told to fail" in plan.fell_from[0]


def test_every_model_in_the_catalog_has_a_plan(own: Kit) -> None:
    for entry in catalog.ENTRIES:
        assert own.plan(entry.name).model == entry.name
