"""What long work keeps on its way: journals that a crash can't harm, pages, and when they serve another run."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from earwitness import batch
from earwitness.config import Settings
from earwitness.errors import BadInput, Busy, StorageFailed
from earwitness.gathering import Progress, Stop
from earwitness.parts import Arrays, VadState
from earwitness.stages.guard import Credit
from earwitness.stages.recipe import Diarizing, Recipe
from earwitness.stages.speech import Heard
from earwitness.types import Segment, Suppressed, Token, Transcript, Word
from earwitness.unfinished import checkpoint as kept
from earwitness.unfinished import pages
from earwitness.unfinished.checkpoint import SUFFIX, Checkpoint, sweep
from earwitness.unfinished.journal import Journal
from earwitness.unfinished.pages import Fold, Page
from support import sounds
from support.voices import Hearer, hearer

FAKE = Recipe(model="fake")
WHO = Recipe(model="fake", diarizing=Diarizing())


@pytest.fixture
def own(settings: Settings) -> Iterator[Hearer]:
    """A kit with the fake engine, a detector of loudness, and a double for a diarizer that remembers."""
    with hearer(settings.model_copy(update={"workers": 1})) as made:
        made.double.remembers = True
        yield made


# ── journals ──
def _read(path: Path) -> list[bytes]:
    with Journal(path) as journal:
        return list(journal.records())


def test_records_come_back_in_order(tmp_path: Path) -> None:
    records = [b"one", b"", os.urandom(100_000)]
    with Journal(tmp_path / "in" / "j") as journal:
        for record in records:
            journal.append(record)
    assert _read(tmp_path / "in" / "j") == records
    assert (tmp_path / "in" / "j").stat().st_mode & 0o077 == 0
    assert (tmp_path / "in").stat().st_mode & 0o077 == 0


def test_a_journal_cut_or_changed_anywhere_gives_its_whole_records_and_goes_on(tmp_path: Path) -> None:
    records = [b"first", b"second" * 5, b"third"]
    with Journal(tmp_path / "j") as journal:
        for record in records:
            journal.append(record)
    whole = (tmp_path / "j").read_bytes()
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        for broken in (whole[:at], changed):
            (tmp_path / "j").write_bytes(broken)
            with Journal(tmp_path / "j") as journal:
                found = list(journal.records())
                assert found == records[: len(found)] != records
                assert journal.torn == (journal.size < len(broken))
                journal.append(b"another")
            assert _read(tmp_path / "j") == [*found, b"another"]


def test_records_that_nobody_took_are_overwritten(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.append(b"good")
        journal.append(b"odd")
    with Journal(tmp_path / "j") as journal:
        for record in journal.records():
            if record == b"odd":
                break
        journal.append(b"better")
    assert _read(tmp_path / "j") == [b"good", b"better"]


def test_one_process_holds_a_journal_and_death_ends_its_hold(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from earwitness.unfinished.journal import Journal\n"
    script += "j = Journal(Path(sys.argv[1])); j.append(b'mine'); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(tmp_path / "j")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Busy):
            Journal(tmp_path / "j")
        process.kill()
    assert _read(tmp_path / "j") == [b"mine"]


def test_what_a_full_disk_did_not_take_is_written_when_it_can(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        from earwitness.errors import StorageFailed
        from earwitness.unfinished.journal import Journal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal(Path(sys.argv[1]))
        journal.append(b"a" * 3000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        for record in (b"b" * 3000, b"c"):
            try:
                journal.append(record)
            except StorageFailed:
                print("full", Path(sys.argv[1]).stat().st_size < 3100)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        journal.append(b"d")
    """)
    command = [sys.executable, "-c", script, str(tmp_path / "j")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["full True", "full True"]
    assert _read(tmp_path / "j") == [b"a" * 3000, b"b" * 3000, b"c", b"d"]


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed):
        Journal(tmp_path / "file" / "j")


# ── pages ──
def test_a_page_comes_back_as_it_was() -> None:
    words = (Word("héllo", 0.1 + 0.2, 1 / 3, None, aligned=False, speaker="S1"),)
    segment = Segment(0.1, 2.3, "héllo", "en", words, (Token(5, b"\xc3", -0.1),), (5,), -float("inf"), marks=("cut",))
    page = Page(
        480_000, True, 1 / 7, (segment,), (Suppressed(1.0, 2.0, "phantom", "You"),), Credit(1 / 3, 7),
        ("ctc",), ("de",),
        Fold(5, 2, 9, (0.1, 1 / 3), ((2, 4),), None, 3, 1), 77,
    )  # fmt: skip
    cells: Arrays = {"vad.tail": np.ones(3, np.float32), "vad.cell0": np.ones((1, 2), np.float32)}
    who: Arrays = {"page": np.arange(5), "empty": np.zeros((0, 256), np.float32)}
    found, some, others = pages.read(pages.record(page, cells, who))
    assert found == page
    for back, wanted in ((some, cells), (others, who)):
        assert back.keys() == wanted.keys()
        for name, array in wanted.items():
            assert back[name].dtype == array.dtype
            assert np.array_equal(back[name], array)


def test_the_fold_is_all_of_its_state_but_sound_and_cells() -> None:
    assert {f.name for f in fields(Heard)} - {f.name for f in fields(Fold)} == {"vad", "kept"}
    memory = (np.ones((1, 1, 4), np.float32), np.zeros(2, np.float32))
    state = Heard(VadState(np.ones(2, np.float32), memory), 7, np.ones(9, np.float32), 1, 2, (0.5,), ((0, 1),), 1, 2, 1)
    back = pages.unfolded(*pages.folded(state), state.kept)
    assert [getattr(back, f.name) for f in fields(Fold)] == [getattr(state, f.name) for f in fields(Fold)]
    assert back.kept is state.kept
    assert [c.tolist() for c in back.vad.memory] == [c.tolist() for c in memory]
    assert back.vad.tail.tolist() == [1, 1]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"\x00" * 500, "cut", "object", "other"])
def test_what_is_no_page_is_refused(damage: bytes | str, tmp_path: Path) -> None:
    found = pages.record(Page(), {}, {})
    if damage == "object":
        np.savez(tmp_path / "p.npz", page=np.array([object()], object))
        found = (tmp_path / "p.npz").read_bytes()
    elif damage == "other":
        np.savez(tmp_path / "p.npz", page=np.frombuffer(b'{"position": "far"}', np.uint8))
        found = (tmp_path / "p.npz").read_bytes()
    with pytest.raises(BadInput):
        pages.read(found[:-30] if damage == "cut" else found if isinstance(damage, str) else damage)


# ── runs ──
def _talk(seconds: int = 130) -> bytes:
    """A second of tone in every three, two voices in turn."""
    parts = [p for n in range(seconds // 3) for p in (sounds.tone(1, (300, 1200)[n % 2], peak=0.9), sounds.silence(2))]
    return sounds.wav(np.concatenate(parts))


class Once:
    """Runs in one folder; `told` is what the last one said, `heard_s` where its recogniser was asked from."""

    def __init__(self, kit: Hearer, folder: Path) -> None:
        self.kit, self.folder, self.told = kit, folder, list[str]()

    def run(
        self, source: bytes, recipe: Recipe = WHO, *, until_s: float | None = None, fresh: bool = False
    ) -> Transcript:
        """Run to the end, or stop after so many seconds of the recording, as if the process had died."""
        self.told, stop = [], Stop()

        def show(now: Progress) -> None:
            if until_s is not None and now.done_s >= until_s:
                stop.set()

        with Checkpoint(self.folder, source, every_s=0.0, tell=self.told.append, fresh=fresh) as place:
            found = batch.run(source, recipe, self.kit, on_progress=show, stop=stop, checkpoint=place)
            if found.complete:
                place.done()
        return found

    @property
    def journals(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{SUFFIX}"))


@pytest.fixture
def once(own: Hearer, tmp_path: Path) -> Once:
    return Once(own, tmp_path / "unfinished")


def _goes_on_at(told: list[str]) -> int:
    """Seconds of the recording at which a run says that it goes on."""
    (said,) = told
    found = time.strptime(said, "goes on at 00:%M:%S of an earlier run")
    return found.tm_min * 60 + found.tm_sec


def test_a_second_run_says_where_it_goes_on_and_repeats_nothing(once: Once) -> None:
    whole = batch.run(_talk(), WHO, once.kit)
    assert not once.run(_talk(), until_s=70).complete
    assert (once.told, len(once.journals)) == ([], 1)
    shown = list[Progress]()
    with Checkpoint(once.folder, _talk(), tell=once.told.append) as place:
        assert batch.run(_talk(), WHO, once.kit, on_progress=shown.append, checkpoint=place) == whole
        place_s = _goes_on_at(once.told)
        assert place_s in (30, 60)  # a page that waits for the recogniser lets the next one pass
        assert shown[0].done_s > place_s
        place.done()
    assert once.journals == []
    hearing = once.kit.double.begun[-1]
    assert hearing.heard[0][0] >= place_s - 1
    assert all(a[1] == b[0] for a, b in pairwise(hearing.heard))


def test_finished_work_whose_result_was_lost_is_there_at_once(once: Once) -> None:
    with Checkpoint(once.folder, _talk(), every_s=0.0) as place:
        whole = batch.run(_talk(), WHO, once.kit, checkpoint=place)
    hearings = len(once.kit.double.begun)
    assert once.run(_talk()) == whole
    assert once.told == ["goes on at 00:02:09 of an earlier run"]
    assert sum(b - a for a, b in once.kit.double.begun[hearings].heard) < 1


def test_who_spoke_without_the_words_goes_on_too(once: Once) -> None:
    whole, stop = batch.speakers(_talk(), WHO, once.kit), Stop()

    def show(now: Progress) -> None:
        if now.done_s >= 90:
            stop.set()

    for told in ([], ["goes on at 00:01:30 of an earlier run"]):
        once.told = []
        with Checkpoint(once.folder, _talk(), every_s=0.0, tell=once.told.append) as place:
            found = batch.speakers(
                _talk(),
                WHO,
                once.kit,
                on_progress=None if told else show,
                stop=None if told else stop,
                checkpoint=place,
            )
            assert (once.told, found.complete) == (told, bool(told))
    assert found == whole


def test_short_work_leaves_nothing_and_reads_nothing_twice(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "digest_of", lambda _: pytest.fail("it was read for its digest"))
    with Checkpoint(once.folder, _talk()) as place:
        assert batch.run(_talk(), WHO, once.kit, checkpoint=place).complete
        assert not place.begun
    assert not once.folder.exists()


def test_another_recording_or_recipe_has_its_own_place(once: Once) -> None:
    once.run(_talk(), until_s=70)
    for source, recipe in ((_talk(127), WHO), (_talk(), FAKE), (_talk(), replace(WHO, to_s=100.0))):
        once.run(source, recipe)
        assert once.told == []
    assert len(once.journals) == 1


def test_other_versions_and_models_start_anew_and_say_so(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batch.run(_talk(), WHO, once.kit)
    once.run(_talk(), until_s=70)
    monkeypatch.setattr("earwitness.unfinished.trail.__version__", "99")
    once.kit.double.embeds = "other pitches"
    assert once.run(_talk()) == whole
    assert once.told == ["an earlier run of this recording was made with another diarizer and version; it starts anew"]


def test_whoever_wants_begins_anew(once: Once) -> None:
    once.run(_talk(), until_s=70)
    once.run(_talk(), fresh=True)
    assert once.told == []
    assert once.journals == []


def test_damage_is_told_and_costs_what_is_behind_it(once: Once) -> None:
    whole = batch.run(_talk(), WHO, once.kit)
    for keep, told in ((0.9, "damaged"), (0.001, "damaged"), (0.0, None)):
        once.run(_talk(), until_s=100)
        (journal,) = once.journals
        journal.write_bytes(journal.read_bytes()[: int(keep * journal.stat().st_size)])
        assert once.run(_talk()) == whole
        assert (told in " ".join(once.told)) if told else once.told == []


def test_a_page_that_makes_no_sense_is_done_again(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batch.run(_talk(), WHO, once.kit)
    once.run(_talk(), until_s=70)
    (path,) = once.journals
    with Journal(path) as journal:
        list(journal.records())
        journal.append(b"of another time")
    assert once.run(_talk()) == whole
    assert any("damaged" in sentence for sentence in once.told)
    assert any("goes on at" in sentence for sentence in once.told)


def test_two_runs_at_once_are_both_right(once: Once) -> None:
    once.run(_talk(), until_s=70)
    (path,) = once.journals
    with Journal(path):
        found = once.run(_talk())
    assert found == batch.run(_talk(), WHO, once.kit)
    assert once.told == [f"how far the work is will not be kept: another run holds {path.name}"]
    assert once.journals == [path]


def test_a_place_that_can_not_be_written_stops_no_work(own: Hearer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    once = Once(own, tmp_path / "file")
    assert once.run(_talk()) == batch.run(_talk(), WHO, own)
    assert len(once.told) == 1
    assert "will not be kept" in once.told[0]


def test_a_recording_that_changes_while_it_is_read_keeps_no_place(own: Hearer, tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(_talk())
    told = list[str]()
    with Checkpoint(tmp_path / "u", tmp_path / "talk.wav", every_s=0.0, tell=told.append) as place:
        os.utime(tmp_path / "talk.wav", ns=(1, 1))
        assert batch.run(tmp_path / "talk.wav", FAKE, own, checkpoint=place).complete
    assert told == ["how far the work is will not be kept: the recording changes while it is read"]


def test_damage_in_the_recording_is_told_as_if_nothing_had_happened(once: Once) -> None:
    sound = np.frombuffer(_talk()[44:], "<i2").astype(np.float32) / np.float32(32767)
    mp3 = bytearray(sounds.encoded(sound, "mp3", "libmp3lame"))
    mp3[len(mp3) // 5 : len(mp3) // 5 + 4000] = os.urandom(4000)
    whole = batch.run(bytes(mp3), WHO, once.kit)
    assert [n.code for n in whole.provenance.notices if n.code != "double"] != []
    once.run(bytes(mp3), until_s=70)
    assert once.run(bytes(mp3)) == whole
    assert any("goes on" in sentence for sentence in once.told)


def test_a_stream_is_left_where_it_was(own: Hearer, tmp_path: Path) -> None:
    with (tmp_path / "talk.wav").open("w+b") as stream:
        stream.write(_talk())
        stop = Stop()
        with Checkpoint(tmp_path / "u", stream, every_s=0.0) as place:
            batch.run(
                stream,
                FAKE,
                own,
                on_progress=lambda p: stop.set() if p.done_s > 70 else None,
                stop=stop,
                checkpoint=place,
            )
        told = list[str]()
        with Checkpoint(tmp_path / "u", stream, tell=told.append) as place:
            assert batch.run(stream, FAKE, own, checkpoint=place) == batch.run(_talk(), FAKE, own)
    assert len(told) == 1


# ── how long they stay ──
def test_old_journals_go_and_the_oldest_where_there_are_too_many(tmp_path: Path) -> None:
    for number in range(4):
        with Journal(tmp_path / f"{number}{SUFFIX}") as journal:
            journal.append(bytes(1000))
        os.utime(journal.path, (number * 100, number * 100))
    (tmp_path / "other").touch()

    def left() -> list[str]:
        return sorted(p.name[0] for p in tmp_path.glob(f"*{SUFFIX}"))

    sweep(tmp_path, 350, now_s=400.0)
    assert left() == ["1", "2", "3"]
    with Journal(tmp_path / f"1{SUFFIX}"):
        sweep(tmp_path, 350, most_bytes=2100, now_s=400.0)
        assert left() == ["1", "3"]
    assert (tmp_path / "other").exists()
    sweep(tmp_path / "nowhere", 1.0)
