"""Which formats and precisions a kind of machine runs best, and making what is missing of them."""

from collections.abc import Iterator
from pathlib import Path

from earwitness.errors import BadInput, Missing, NotFound
from earwitness.models import directory, known
from earwitness.models.convert import convert
from earwitness.models.directory import Stored

TARGETS = {
    "cpu": (("ctranslate2", "int8"), ("ggml", "q5_0")),
    "gpu": (("ctranslate2", "float16"),),
    "mac": (("ggml", "q5_0"), ("mlx", "float16")),
    "npu": (("openvino", "int8"),),
}
"""By kind of machine, the preferred one first. A line for a format is all that it takes."""


def optimize(root: Path, name: str, target: str) -> Iterator[tuple[Stored, bool | Missing]]:
    """What a kind of machine wants of a model: each with whether it was made now, or why it could not be.

    Raises BadInput for an unknown target, NotFound without the model's checkpoint, and what converting raises.
    """
    if target not in TARGETS:
        raise BadInput(f"there is no target {target!r}", remedy=f"The targets are: {', '.join(TARGETS)}.")
    source = directory.place(root, known.plain(name), "base", "")
    if not source.is_dir():
        raise NotFound(f"the checkpoint base/{source.name} is not here", remedy=f"earwitness models pull {source.name}")
    for form, precision in TARGETS[target]:
        stored = Stored(source.name, form, precision, directory.place(root, source.name, form, precision))
        if stored.path.exists():
            yield stored, False
            continue
        try:
            yield convert(source, root, model=source.name, form=form, precision=precision), True
        except Missing as error:
            yield stored, error
