"""The sound of a live session: pieces without holes, mended after a crash, and never in the session's way."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from earwitness.api.live import stored
from earwitness.api.live.stored import Stored
from earwitness.api.live.storeroom import recipe_of
from earwitness.archive.database import Database
from earwitness.archive.recordings import Piece, Recordings
from earwitness.archive.storing import Opening, Storing
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.archive.writer import Writer
from earwitness.audio import decode
from earwitness.errors import BadInput
from earwitness.events import Ended, Final, Numbered
from earwitness.stages.recipe import Captioning, Recipe
from earwitness.types import Samples, Segment

OPENING = Opening("abc", "here")
SECOND: Samples = (0.1 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32)


def heard(one: Stored, first: int, last: int) -> None:
    for second in range(first, last):
        one.heard(SECOND, second * 16_000)


def files(database: Database, writer: Writer, folder: Path, ident: str) -> tuple[Piece, ...]:
    return Recordings(database, writer, folder).files(ident)


def test_pieces_follow_each_other_and_a_crash_costs_little(
    database: Database, writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PIECE", 3 * 16_000)
    storing = Storing(database, writer, OPENING)
    first = Stored(storing, tmp_path, sound=True)
    heard(first, 0, 8)
    first.tell([])  # and here the process is killed
    again = Storing(database, writer, OPENING)
    assert again.sound_s == 6.0
    second = Stored(again, tmp_path, sound=True)
    heard(second, 5, 12)  # it hears again what had no text yet
    second.tell([Numbered(1, Ended(12.0))])
    found = files(database, writer, tmp_path, storing.id)
    assert [p.start_s for p in found] == [0.0, 3.0, 6.0, *(p.start_s for p in found[3:])]
    assert all(one.end_s == after.start_s for one, after in pairwise(found))
    assert found[-1].end_s == 12.0
    lengths = [len(decode.decode(tmp_path / p.path).samples) / 16_000 for p in found]
    assert sum(lengths) == pytest.approx(12.0, abs=0.1)
    assert not list(tmp_path.rglob("*.part"))


def test_a_disk_that_takes_no_sound_is_told_once_and_tried_again(
    database: Database, writer: Writer, tmp_path: Path
) -> None:
    storing = Storing(database, writer, OPENING)
    (tmp_path / "audio").touch()  # no folder can be made there
    one = Stored(storing, tmp_path, sound=True)
    heard(one, 0, 2)
    notice = one.tell([])
    assert notice is not None
    assert notice.code == "sound_not_stored"
    heard(one, 2, 4)
    assert one.tell([]) is None
    (tmp_path / "audio").unlink()
    heard(one, 4, 15)
    one.tell([Numbered(1, Ended(15.0))])
    (piece,) = files(database, writer, tmp_path, storing.id)
    assert (piece.start_s, piece.end_s) == (10.0, 15.0)


def test_what_is_let_go_of_without_a_journal_is_left_to_the_queue(archive: Archive) -> None:
    storing = Storing(archive.database, archive.writer, OPENING)
    one = Stored(storing, archive.folder, sound=True)
    heard(one, 0, 5)
    one.tell([Numbered(1, Final(1, 1, Segment(0.5, 2.0, "Hello.")))])
    one.close(later=False)
    archive.writer.write(lambda _: None)
    card = archive.recordings.one(storing.id)
    (job,) = archive.jobs.page(HOUSE)
    assert (card.state, card.duration_s, job.kind, job.recording) == ("waiting", 5.0, "tail", card.id)
    assert (job.about["from_s"], job.about["to_s"], job.about["torn"]) == (2.0, 5.0, False)


def test_a_recipe_comes_back_from_a_journal() -> None:
    recipe = Recipe(model="tiny", captioning=Captioning(watch=("fire",), keep=True))
    assert recipe_of({"recipe": recipe.as_json()}) == recipe
    for wrong in ({}, {"recipe": {"model": 3}}, {"recipe": None}):
        with pytest.raises(BadInput):
            recipe_of(wrong)
