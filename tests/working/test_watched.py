"""A folder whose recordings become jobs."""

from pathlib import Path

import pytest

from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from earwitness.errors import StorageFailed
from earwitness.working.watched import Watched
from earwitness.working.worker import Worker
from support.voices import Hearer


def test_a_file_is_taken_once_when_it_stopped_growing(
    own: Settings, doubles: Hearer, archive: Archive, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    settings = own.model_copy(update={"watch_folder": folder})
    worker = Worker(settings, doubles, archive)

    def made() -> Watched:
        return Watched(settings, archive, worker, log=print)

    watched = made()
    (folder / "deep" / "a.wav").write_bytes(b"some")
    (folder / "notes.txt").write_text("no recording")
    (folder / ".hidden.wav").write_bytes(b"no")
    assert watched.look() == 0, "it may still grow"
    (folder / "deep" / "a.wav").write_bytes(b"some more")
    assert watched.look() == 0
    assert watched.look() == 1
    assert watched.look() == 0
    (job,) = archive.jobs.page(HOUSE)
    assert job.name == "a.wav"
    assert worker.inbox.path(job.id, kept=False).read_bytes() == b"some more"
    assert (folder / "deep" / "a.wav").exists()
    again = made()
    assert [again.look(), again.look()] == [0, 0], "a server that starts again knows it"
    (folder / "deep" / "a.wav").write_bytes(b"something else")
    assert [again.look(), again.look()] == [0, 1]
    (own.home / "watched.json").write_text("damaged")
    assert made().look() == 0


def test_a_file_that_goes_in_between_is_told_of(
    own: Settings, doubles: Hearer, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = own.model_copy(update={"watch_folder": tmp_path})
    (tmp_path / "a.wav").write_bytes(b"some")
    watched = Watched(settings, archive, Worker(settings, doubles, archive), log=print)
    watched.look()
    monkeypatch.setattr("shutil.copyfile", lambda *_: (_ for _ in ()).throw(FileNotFoundError(2, "gone")))
    with pytest.raises(StorageFailed, match=r"a\.wav can't be taken"):
        watched.look()
    assert archive.jobs.page(HOUSE) == []
