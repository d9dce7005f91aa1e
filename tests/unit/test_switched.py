"""What is switched on is loaded then, from the model directory first; what is not there says what it needs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earwitness import batch, config
from earwitness.errors import BadInput, EngineFailed, Missing
from earwitness.kit import Kit
from earwitness.stages.enhance import through
from earwitness.stages.recipe import AUTO, CHANNELS, OFF, Diarizing, Enhancing, Recipe, settled, switch
from earwitness.switched import SOUND, TEXT, Switched
from earwitness.types import Audio, Samples
from support import graphs, sounds

SEPARATE, DENOISE, GAIN = SOUND


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model directory."""
    return tmp_path / "models"


@pytest.fixture
def switched(kit: Kit, models: Path) -> Switched:
    """The parts with that directory."""
    return Switched(kit.parts, models)


def _heard(sound: Samples, found: Switched, how: Enhancing) -> Samples:
    chain = [part for _, part in found.enhancers(how).values()]
    return np.concatenate([a.samples for a in through([Audio(sound)], chain)])


def test_nothing_is_loaded_that_is_not_switched_on(switched: Switched) -> None:
    assert switched.enhancers(Enhancing(denoise=OFF)) == {}
    assert switched.punctuator(Enhancing()) is None
    assert not switched._loaded
    assert [name for name, _ in switched.enhancers(Enhancing(gain=AUTO, denoise="spectral")).values()] == [
        "spectral",
        "loudness",
    ]
    assert set(switched._loaded) == {"spectral", "loudness"}


def test_a_network_in_the_model_directory_goes_before_what_needs_none(switched: Switched, models: Path) -> None:
    graphs.gtcrn(models / "phenome/enhancement/gtcrn/gtcrn_simple.onnx")
    sound = sounds.tone(0.5)
    assert switched.part(DENOISE, AUTO)[0] == "gtcrn_simple"
    assert switched.part(DENOISE, "spectral")[0] == "spectral"
    assert _heard(sound, switched, Enhancing(denoise=AUTO)) == pytest.approx(sound, abs=1e-5)


def test_voices_come_out_of_demucs_in_step(switched: Switched, models: Path) -> None:
    graphs.demucs(models / "phenome/enhancement/demucs/htdemucs.onnx")
    sound = sounds.tone(2, 700)
    assert switched.part(SEPARATE, AUTO)[0] == "htdemucs"
    assert _heard(sound, switched, Enhancing(separate=AUTO))[800:-800] == pytest.approx(sound[800:-800], abs=0.01)
    assert not _heard(sounds.silence(1), switched, Enhancing(separate=AUTO)).any()


@pytest.mark.parametrize(
    ("job", "name", "needs"),
    [
        (SEPARATE, AUTO, "Put htdemucs.onnx into phenome/enhancement/demucs of the model directory"),
        (SEPARATE, "demucs", "Put htdemucs.onnx into phenome/enhancement/demucs of the model directory"),
        (DENOISE, "gtcrn", "Put gtcrn_simple.onnx into phenome/enhancement/gtcrn of the model directory"),
        (TEXT, "token-marks", "config.json into phenome/punctuation/NAME of the model directory"),
    ],
)
def test_without_a_model_it_says_which_file_goes_where(switched: Switched, job: object, name: str, needs: str) -> None:
    with pytest.raises(Missing) as caught:
        switched.part(job, name)  # type: ignore[arg-type]
    assert needs in caught.value.remedy


def test_a_part_that_is_not_here_or_does_something_else_is_refused(switched: Switched) -> None:
    for name in ("nobody", "silero", "loudness"):
        with pytest.raises(BadInput, match="there is no denoiser") as caught:
            switched.part(DENOISE, name)
        assert caught.value.param == "denoise"


def test_graphs_of_another_kind_are_refused(switched: Switched, models: Path) -> None:
    graphs.gtcrn(models / "phenome/enhancement/gtcrn/many.onnx", frames=2)
    graphs.demucs(models / "phenome/enhancement/demucs/odd.onnx", samples=44_101)
    graphs.demucs(models / "phenome/enhancement/demucs/two.onnx", stems=2)
    graphs.gtcrn(models / "phenome/enhancement/demucs/other.onnx")
    (models / "phenome/enhancement/gtcrn/broken.onnx").write_bytes(b"no graph at all")
    for job, name in (
        (DENOISE, "many"),
        (DENOISE, "broken"),
        (SEPARATE, "odd"),
        (SEPARATE, "two"),
        (SEPARATE, "other"),
    ):
        with pytest.raises(EngineFailed, match=name):
            switched.part(job, name)


def test_a_network_names_the_marks(switched: Switched, models: Path) -> None:
    folder = models / "phenome/punctuation/tiny"
    graphs.token_marks(folder, {"hello": ",", "there": ".", "friend": "?", "well": "-", "unknowable": "0"})
    name, part = switched.part(TEXT, AUTO)
    assert name == "tiny"
    assert part.marks("hello there dear friend well".split(), [0.0] * 5, "en") == (",", ".", "", "?", "")
    long = ["hello", "there", "unknowable"] * 300
    assert part.marks(long, [0.0] * 900, None) == (",", ".", "") * 300


def test_a_network_with_a_part_missing_says_what_it_needs(switched: Switched, models: Path) -> None:
    folder = graphs.token_marks(models / "phenome/punctuation/tiny", {"hello": ","})
    (folder / "config.json").write_text(json.dumps({}))
    with pytest.raises(EngineFailed) as caught:
        switched.part(TEXT, "tiny")
    assert "id2label" in caught.value.remedy


@pytest.mark.parametrize(
    ("given", "means"), [("on", AUTO), ("TRUE", AUTO), ("0", OFF), ("gtcrn_x", "gtcrn_x"), (None, None)]
)
def test_a_switch_is_on_off_or_a_name(given: str | None, means: str | None) -> None:
    assert switch(given, "denoise") == means


def test_a_switch_is_nothing_else() -> None:
    with pytest.raises(BadInput, match="on, off or the name"):
        switch("../../etc", "denoise")


def test_a_request_goes_before_the_installation() -> None:
    installed = Enhancing(denoise=AUTO, gain=AUTO)
    asked = Recipe(enhancing=Enhancing(denoise=OFF, punctuate="rules"), diarizing=Diarizing(CHANNELS))
    found = settled(asked, installed, speakers=True)
    assert found.enhancing == Enhancing(denoise=OFF, gain=AUTO, punctuate="rules")
    assert found.diarizing == Diarizing(CHANNELS)
    assert settled(found, installed, speakers=True) == found
    assert settled(replace(asked, diarizing=Diarizing(OFF)), installed, speakers=True).diarizing is None
    assert settled(replace(asked, diarizing=None), installed, speakers=True).diarizing == Diarizing()


def test_the_installation_may_switch_it_on(tmp_path: Path, sample: Path) -> None:
    with Kit(config.load(home=tmp_path, enable_noise_reduction=True, enable_gain=True)) as kit:
        found = batch.run(sample, Recipe(to_s=8), kit)
        plain = batch.run(sample, Recipe(to_s=8, enhancing=Enhancing(denoise=OFF, gain=OFF)), kit)
    assert found.provenance.methods == {"noise": "spectral", "gain": "loudness"}
    assert found.provenance.recipe["enhancing"] == {
        "separate": None, "denoise": "auto", "gain": "auto", "punctuate": None
    }  # fmt: skip
    assert plain.provenance.methods == {}
    assert found.text
    assert found.duration_s == plain.duration_s
    assert found.segments[0].start_s == pytest.approx(plain.segments[0].start_s, abs=0.2)


def test_text_with_punctuation_is_left_alone_and_says_so(kit: Kit, sample: Path) -> None:
    found = batch.run(sample, Recipe(to_s=8, enhancing=Enhancing(punctuate=AUTO)), kit)
    assert found.text == batch.run(sample, Recipe(to_s=8), kit).text
    assert [n.code for n in found.provenance.notices] == ["punctuation_kept"]
    assert "punctuation" not in found.provenance.methods
