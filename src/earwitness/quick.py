"""`earwitness.transcribe`: one call for one recording. Whoever has many keeps a `Kit` and calls `batch.run`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from earwitness import batch, config, gathering
from earwitness.kit import Kit
from earwitness.stages.recipe import Diarizing, Recipe, language_code
from earwitness.types import Ask, Transcript


def transcribe(
    source: str | Path | bytes,
    *,
    model: str = "default",
    language: str | None = None,
    speakers: bool = False,
    on_progress: Callable[[gathering.Progress], None] | None = None,
) -> Transcript:
    """Transcribe one recording with a model that is loaded for it and unloaded after it.

    Args:
        source: a path, or the bytes of a recording in any format FFmpeg reads.
        model: name or alias of a model.
        language: ISO 639-1 code of the speech, where known.
        speakers: tell apart who speaks.
        on_progress: called now and then with how far it is.

    Raises:
        EarwitnessError: any leaf of its tree; each has a `code` and a `remedy`.
    """
    recipe = Recipe(model=model, ask=Ask(language=language_code(language)))
    if speakers:
        recipe = replace(recipe, diarizing=Diarizing(), aligner="auto")
    with Kit(config.load()) as kit:
        return batch.run(Path(source) if isinstance(source, str) else source, recipe, kit, on_progress=on_progress)
