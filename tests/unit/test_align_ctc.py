"""The CTC aligner: its search, and a tiny model with random weights, which shows that shapes and folders are right."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earwitness.config import Settings
from earwitness.errors import EngineFailed
from earwitness.kit import Kit
from earwitness.parts import parts_folder
from earwitness.parts.align_ctc import viterbi
from earwitness.types import Audio
from support import sounds

SIGNS = ["<pad>", "|", *"abcdefghijklmnopqrstuvwxyzäöüß"]


def _scores(*best: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Frames in which one sign each is likely."""
    found = np.full((len(best), 4), np.log(0.01), np.float32)
    found[np.arange(len(best)), best] = np.log(0.97)
    return found


def test_the_search_finds_the_frames_of_each_label() -> None:
    assert viterbi(_scores(0, 1, 1, 0, 2, 2, 0), [1, 2], 0) == [0, 1, 1, 2, 3, 3, 4]
    assert viterbi(_scores(1, 2), [1, 2], 0) == [1, 3]


def test_the_same_label_twice_needs_a_blank_between() -> None:
    assert viterbi(_scores(1, 0, 1), [1, 1], 0) == [1, 2, 3]
    assert viterbi(_scores(1, 1), [1, 1], 0) is None


def test_more_labels_than_frames_have_no_way() -> None:
    assert viterbi(_scores(1, 2), [1, 2, 3], 0) is None


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with a tiny German aligner of random weights, and a broken one."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    torch.manual_seed(5)
    root = tmp_path_factory.mktemp("models")
    config = Wav2Vec2Config(
        vocab_size=len(SIGNS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, pad_token_id=0,
    )  # fmt: skip
    folder = parts_folder(root, "alignment")
    Wav2Vec2ForCTC(config).save_pretrained(folder / "de-tiny")
    (folder / "de-tiny" / "vocab.json").write_text(json.dumps({s: n for n, s in enumerate(SIGNS)}))
    (root / "alignment" / "fr").mkdir(parents=True)  # where they lay at first
    (root / "alignment" / "fr" / "config.json").write_text("{")
    (root / "alignment" / "de-tiny").mkdir()
    (root / "alignment" / "de-tiny" / "config.json").write_text("{")  # the one in its right place is taken
    return root


@pytest.fixture(scope="module")
def own(settings: Settings, models: Path) -> Iterator[Kit]:
    with Kit(settings.model_copy(update={"models": models})) as made:
        yield made


def test_models_in_the_directory_are_aligners_of_their_language(own: Kit) -> None:
    assert own.aligners() == {"pocketsphinx": ("en",), "de-tiny": ("de",), "fr": ("fr",)}
    with pytest.raises(EngineFailed, match="the aligner fr can't be loaded"):
        own.aligner("fr")


def test_every_word_gets_a_place(own: Kit) -> None:
    audio, text = Audio(sounds.noise(2.0), 16_000), "Schöne Grüße — an 客観 alle".split()
    found = own.aligner("de-tiny").align(audio, text)
    assert [w.text for w in found] == text
    edges = [1.0, *(t for w in found for t in (w.start_s, w.end_s)), 3.0]
    assert edges == sorted(edges)
    assert not found[2].aligned
    assert not found[4].aligned


@pytest.mark.parametrize("samples", [sounds.silence(0.0), sounds.silence(0.05), sounds.silence(0.2)])
def test_too_little_sound_for_the_letters(own: Kit, samples: sounds.Samples) -> None:
    found = own.aligner("de-tiny").align(Audio(samples), ["Donaudampfschifffahrtsgesellschaft"] * 3)
    assert not any(w.aligned for w in found)
