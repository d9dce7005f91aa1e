"""The main job, on the sample that comes with the install."""

from pathlib import Path

from earwitness import batch
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe


def test_the_sample_conversation_is_heard(sample: Path, kit: Kit) -> None:
    found = batch.run(sample, Recipe(), kit)
    text = found.text.lower()
    for phrase in ("do you hear me", "just less heartily", "a good story", "do you remember the day"):
        assert phrase in text
    assert found.complete
    assert found.language == "en"
    assert 27 < found.duration_s < 29
    assert all(0 <= s.start_s < s.end_s <= found.duration_s for s in found.segments)
