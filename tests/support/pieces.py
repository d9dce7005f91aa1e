"""Sound that is kept of a recording, as a live session keeps it."""

from functools import partial

from earwitness.archive import told
from earwitness.archive.whole import Archive
from earwitness.audio import timebase
from earwitness.audio.encode import Encoder
from earwitness.types import Samples


def keep(archive: Archive, recording: str, samples: Samples, start: int = 0) -> str:
    """A piece that begins at a position; its path below the archive's folder."""
    path = f"audio/{recording}/{start}.ogg"
    piece = Encoder(archive.folder / path)
    piece.write(samples)
    end_s = timebase.seconds(start + len(samples))
    row = {"recording_id": recording, "kind": "audio", "path": path, "start_s": timebase.seconds(start), "end_s": end_s}
    archive.writer.write(partial(told.piece, row | {"size": piece.close(), "made_s": 0.0}))
    return path
