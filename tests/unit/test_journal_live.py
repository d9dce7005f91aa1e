"""Journals of live sessions: where a session goes on, what a crash or a full disk leaves, and what is thrown away."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from earwitness import events
from earwitness.api.live.journals import lost
from earwitness.errors import BadInput, Busy, StorageFailed
from earwitness.events import Ended, Event, Final, Gap, Numbered, Partial, Revised, Settled
from earwitness.live import journal
from earwitness.live.journal import BEFORE, PART, Journal
from earwitness.live.session import Since
from earwitness.stages.guard import NO_CREDIT, Credit
from earwitness.types import Samples, Segment

SECOND = 16_000


def ramp(start: int, count: int) -> Samples:
    """Sound whose samples are their own positions."""
    return np.arange(start, start + count, dtype=np.float32)


def tell(written: Journal, *told: Event, after: int = 0) -> None:
    written.tell([Numbered(n, event) for n, event in enumerate(told, after + 1)])


def sizes(folder: Path) -> list[int]:
    return sorted(int(p.stem.removeprefix("sound-")) for p in folder.glob("sound-*"))


def heard(folder: Path, position: int = 0) -> list[tuple[int, int]]:
    """The stretches of sound that are kept from a position on; each sample must be where it belongs."""
    found = []
    for start, samples in journal.sound(folder, position):
        assert np.array_equal(samples, ramp(start, len(samples)))
        found.append((start, start + len(samples)))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "one"


def test_what_was_told_comes_back_but_for_drafts(folder: Path) -> None:
    written = Journal(folder, {"type": "hello", "prompt": "Größe \ud800"})
    segment = Segment(0.5, 1.5, "Größe \ud800")
    tell(written, events.SpeechStarted(1, 0.5), Partial(1, "a", "b", 0.5, 1.0), Final(1, 1, segment))
    written.close()
    assert journal.there(folder)
    assert journal.about(folder)["prompt"] == "Größe \ud800"
    assert [(e.seq, type(e.event)) for e in journal.read(folder)] == [(1, events.SpeechStarted), (3, Final)]
    assert not journal.finished(folder)


def test_sound_comes_back_in_whatever_pieces_it_came(folder: Path) -> None:
    written, at = Journal(folder, {}), 0
    for size in (1, 999, PART, 7, 3 * PART + 1, 5):
        written.hear(ramp(at, size), at)
        at += size
    written.close()
    found = heard(folder)
    assert found[0][0] == 0
    assert found[-1][1] == at
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert heard(folder, at - 3) == [(at - 3, at)]
    assert heard(folder, at) == []


def test_where_a_session_goes_on(folder: Path) -> None:
    written = Journal(folder, {})
    tell(
        written, Final(1, 1, Segment(0.5, 1.5, "a")), Settled(1, 0.5, 2.0),
        Revised(1, 1, "speaker", Segment(0.5, 1.5, "a", speaker="S3")),
        Final(2, 2, Segment(3.0, 4.0, "b")),
    )  # fmt: skip
    tell(written, Partial(2, "", "c", 4.0, 5.0), after=4)
    written.close()
    assert journal.reached(folder) == (Since(4 * SECOND, 1, 2, 3), 4 + journal.SKIPPED)


def test_what_a_session_has_earned_stays_though_it_is_no_event(folder: Path) -> None:
    written = Journal(folder, {})
    tell(written, Final(1, 1, Segment(0.5, 1.5, "a")))
    assert journal.reached(folder)[0].credit == NO_CREDIT
    for n in range(1, 4):
        written.tell([Numbered(n + 1, Settled(n, float(n), n + 0.5))], Credit(1 / n, n, "en"))
    tell(written, Final(2, 4, Segment(5.0, 6.0, "b")), after=4)
    written.close()
    assert journal.reached(folder)[0].credit == Credit(1 / 3, 3, "en")
    assert [e.seq for e in journal.read(folder)] == [1, 2, 3, 4, 5]


def test_a_session_of_which_nothing_was_told_goes_on_at_its_beginning(folder: Path) -> None:
    Journal(folder, {}).close()
    assert journal.reached(folder) == (Since(), journal.SKIPPED)


def test_silence_is_thrown_away_too_and_is_no_hole_afterwards(folder: Path) -> None:
    written = Journal(folder, {})
    for second in range(100):
        written.hear(ramp(second * SECOND, SECOND), second * SECOND)
        written.forget((second + 1) * SECOND)
    assert len(sizes(folder)) <= 3
    written.close()
    since, _ = journal.reached(folder)
    assert 60 * SECOND < since.position <= 100 * SECOND
    pieces = list(journal.sound(folder, since.position))
    assert not list(lost(pieces, since.position))
    assert pieces[0][0] == since.position


def test_sound_whose_text_is_to_come_is_never_thrown_away(folder: Path) -> None:
    written = Journal(folder, {})
    for second in range(100):
        written.hear(ramp(second * SECOND, SECOND), second * SECOND)
        written.forget(30 * SECOND)
    written.close()
    since, _ = journal.reached(folder)
    assert since.position <= 30 * SECOND
    assert heard(folder)[0][0] <= 30 * SECOND - BEFORE
    assert heard(folder)[-1][1] == 100 * SECOND


def test_an_own_record_is_cheap_and_rare(folder: Path) -> None:
    written = Journal(folder, {})
    for tenth in range(1_000):
        written.hear(ramp(tenth * 1_600, 1_600), tenth * 1_600)
        written.forget((tenth + 1) * 1_600)
    written.close()
    assert (folder / journal.TOLD).stat().st_size < 2_000


def test_the_end_is_known(folder: Path) -> None:
    written = Journal(folder, {})
    tell(written, Settled(1, 0.0, 1.0))
    assert not journal.finished(folder)
    tell(written, Ended(1.0), after=1)
    written.close()
    assert journal.finished(folder)


def test_a_torn_record_costs_itself_alone_and_the_next_writer_goes_on(folder: Path) -> None:
    written = Journal(folder, {"n": 1})
    tell(written, Settled(1, 0.0, 1.0))
    tell(written, Settled(2, 1.0, 2.0), after=1)
    written.close()
    path = folder / journal.TOLD
    whole = path.read_bytes()
    for cut in range(len(whole) - 120, len(whole)):
        path.write_bytes(whole[:cut])
        kept = list(journal.read(folder))
        assert [e.seq for e in kept] in ([1], [])
        again = Journal(folder)
        tell(again, Ended(9.0), after=7)
        again.close()
        assert [e.seq for e in journal.read(folder)] == [*(e.seq for e in kept), 8]


@pytest.mark.parametrize("rest", [1, 2, 3])
def test_half_a_sample_is_none_and_what_follows_lies_where_it_belongs(folder: Path, rest: int) -> None:
    written = Journal(folder, {})
    written.hear(ramp(0, 1_000), 0)
    written.close()
    path = folder / "sound-0.f32"
    path.write_bytes(path.read_bytes()[: 4 * 900 + rest])
    again = Journal(folder)
    again.hear(ramp(800, 400), 800)
    again.close()
    assert heard(folder) == [(0, 900), (900, 1_200)]


def test_what_is_missing_is_a_gap(folder: Path) -> None:
    pieces = [(100, ramp(100, 50)), (150, ramp(150, 10)), (140, ramp(140, 30)), (300, ramp(300, 1))]
    assert list(lost(pieces, 16)) == [Gap(0.001, 0.00625, "lost"), Gap(170 / SECOND, 300 / SECOND, "lost")]
    assert next(lost(pieces, 100)).start_s == 170 / SECOND
    assert list(lost([], 100)) == []


def test_two_writers(folder: Path) -> None:
    written = Journal(folder, {})
    with pytest.raises(Busy):
        Journal(folder)
    journal.remove(folder)
    assert journal.there(folder), "nobody throws away what another writes"
    written.close()
    Journal(folder).close()
    journal.remove(folder)
    assert not folder.exists()
    journal.remove(folder)
    assert not folder.parent.joinpath("one").exists()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed):
        Journal(tmp_path / "file" / "one", {})
    journal.remove(tmp_path / "file" / "one")


@pytest.mark.parametrize("content", [b"", b"earwitness journal 1\n", b"rubbish" * 100])
def test_a_journal_without_a_beginning_is_refused(folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / journal.TOLD).write_bytes(content)
    with pytest.raises(BadInput):
        journal.about(folder)
    assert not journal.finished(folder)
    assert journal.reached(folder) == (Since(), journal.SKIPPED)


FULL = textwrap.dedent("""
    import json, resource, signal, sys
    from pathlib import Path
    import numpy as np
    from earwitness.errors import StorageFailed
    from earwitness.events import Ended, Numbered
    from earwitness.live.journal import Journal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    written, at, kept = Journal(Path(sys.argv[1]), {}), 0, []
    for full in (False, True, False):
        limit = 6_000 if full else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for _ in range(10):
            try:
                written.hear(np.arange(at, at + 400, dtype=np.float32), at)
                kept.append(at)
            except StorageFailed as error:
                assert "can't be written" in error.message
            at += 400
    print(json.dumps(kept))
""")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_leaves_holes_and_no_rubbish(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    kept = json.loads(done.stdout)
    assert 20 <= len(kept) < 30
    assert {p for a, b in heard(folder) for p in range(a, b, 400)} == set(kept)
    assert all(p.stat().st_size for p in folder.glob("sound-*"))


def test_no_file_is_left_where_nothing_could_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Journal(folder, {})

    class Full:
        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

    opened = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *a, **k: Full(opened(*a, **k)))
        for n in range(50):
            with pytest.raises(StorageFailed, match="No space left"):
                written.hear(ramp(n * 100, 100), n * 100)
    assert sizes(folder) == []
    written.hear(ramp(5_000, 100), 5_000)
    written.close()
    assert heard(folder) == [(5_000, 5_100)]


def test_events_that_the_disk_did_not_take_are_written_before_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Journal(folder, {})
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for seq in (1, 2):
            with pytest.raises(StorageFailed):
                tell(written, Settled(seq, 0.0, 1.0), after=seq - 1)
    tell(written, Ended(1.0), after=2)
    written.close()
    assert [e.seq for e in journal.read(folder)] == [1, 2, 3]


def test_a_journal_that_cannot_be_begun_is_let_go_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StorageFailed):
            Journal(folder, {})
    Journal(folder, {}).close()


KILLED = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    import numpy as np
    from earwitness.events import Final, Numbered, Settled
    from earwitness.live import journal
    from earwitness.live.journal import Journal
    from earwitness.types import Segment
    folder, stop = Path(sys.argv[1]), int(sys.argv[2])
    calls = 0

    def counted(wanted):
        def call(*given, **named):
            global calls
            calls += 1
            if calls == stop:
                os.kill(os.getpid(), 9)
            return wanted(*given, **named)
        return call

    for name in ("_write", "_put_down"):
        setattr(Journal, name, counted(getattr(Journal, name)))
    for name in ("fsync", "ftruncate", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    Path.unlink = counted(Path.unlink)
    written, second = Journal(folder, {"a": 1}), 16_000
    for n in range(60):
        written.hear(np.arange(n * second, (n + 1) * second, dtype=np.float32), n * second)
        print("safe", (n + 1) * second, flush=True)
        if n % 3 == 2:
            told = [Final(n, n, Segment(n - 1.0, n, f"{n}")), Settled(n, n - 1.0, float(n))]
            written.tell([Numbered(2 * n + k, e) for k, e in enumerate(told)])
            print("told", n * second, flush=True)
            written.forget(n * second)
""")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("stop", [1, 2, 3, 25, 84, 85, 86, 87, 88])
def test_a_process_killed_between_any_two_writes_loses_nothing_that_was_safe(folder: Path, stop: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(stop)], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line.split() for line in done.stdout.splitlines()]
    safe = max((int(n) for word, n in said if word == "safe"), default=0)
    told = max((int(n) for word, n in said if word == "told"), default=0)
    with suppress(BadInput):
        assert journal.about(folder) == {"a": 1}
    since, _ = journal.reached(folder)
    assert since.position >= told
    assert covers(heard(folder, since.position), since.position, safe)
    again = Journal(folder)
    tell(again, Ended(60.0), after=journal.SKIPPED)
    again.close()
    assert journal.finished(folder)


def covers(pieces: Iterable[tuple[int, int]], low: int, high: int) -> bool:
    for a, b in sorted(pieces):
        if a > low:
            return False
        low = max(low, b)
    return low >= high


def test_a_session_is_over_though_its_sound_is_thrown_away_last(folder: Path) -> None:
    written = Journal(folder, {"type": "hello"})
    tell(written, Settled(1, 0.5, 1.5), Ended(60.0))
    written.forget(60 * SECOND, surely=True)
    written.close()
    assert journal.finished(folder)
