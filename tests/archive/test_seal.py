"""Secrets that are sealed, and what happened written down with it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from earwitness.archive.database import Database
from earwitness.archive.happened import happened
from earwitness.archive.schema.accounts import GrantRow, UserRow
from earwitness.archive.schema.heard import RecordingRow
from earwitness.archive.schema.work import EventRow
from earwitness.archive.seal import Seal
from earwitness.archive.viewer import HOUSE, Viewer, sees
from earwitness.errors import EarwitnessError, StorageFailed


def test_a_secret_comes_back_with_its_key_alone(tmp_path: Path) -> None:
    file = tmp_path / "in" / "secrets.key"
    sealed = Seal(file).seal("rtsp://me:pässword@camera")
    assert b"word" not in sealed
    assert Seal(file).opened(sealed) == "rtsp://me:pässword@camera"
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StorageFailed, match="another key"):
        Seal(tmp_path / "other.key").opened(sealed)
    file.write_bytes(b"no key")
    with pytest.raises(StorageFailed, match="can't be read"):
        Seal(file).opened(sealed)


def test_of_many_that_begin_at_once_all_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda _: Seal(tmp_path / "secrets.key").seal("x"), range(16)))
    assert [Seal(tmp_path / "secrets.key").opened(s) for s in sealed] == ["x"] * 16
    assert len(list(tmp_path.iterdir())) == 1


def _recording(ident: str, owner: str | None) -> dict[str, object]:
    plain: dict[str, object] = {
        "id": ident,
        "kind": "file",
        "state": "whole",
        "title": "",
        "owner_id": owner,
        "about": {},
        "kept": False,
    }
    return plain | {"began_s": 0.0, "duration_s": 0.0, "made_s": 0.0, "changed_s": 0.0}


def test_a_viewer_sees_their_own_and_what_was_granted(database: Database) -> None:
    with database.writing() as connection:
        for user in ("u_a", "u_b"):
            plain = {"name": user, "folded": user, "role": "viewer", "enabled": True, "made_s": 0.0}
            connection.execute(insert(UserRow).values(id=user, **plain))
        for ident, owner in (("r_1", "u_a"), ("r_2", "u_b"), ("r_3", None)):
            connection.execute(insert(RecordingRow).values(**_recording(ident, owner)))
        connection.execute(insert(GrantRow).values(user_id="u_a", recording_id="r_3", verb="view"))

    def seen(who: Viewer, verb: str = "view") -> list[str]:
        with database.reading() as reader:
            assert reader is not None
            return sorted(reader.execute(select(RecordingRow.id).where(sees(who, verb))).scalars())

    assert seen(HOUSE) == ["r_1", "r_2", "r_3"]
    assert seen(Viewer("u_a")) == ["r_1", "r_3"]
    assert seen(Viewer("u_a"), "edit") == ["r_1"]
    assert seen(Viewer("u_b")) == ["r_2"]
    assert seen(Viewer("u_c")) == []


def test_what_happened_stands_or_falls_with_what_it_tells_of(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(RecordingRow).values(**_recording("r_1", "u_a")))
        happened(connection, "recordings", "made", {"id": "r_1"}, recording="r_1")

    def undone() -> None:
        with database.writing() as connection:
            happened(connection, "recordings", "made", {"id": "r_2"}, recording="r_2")
            raise EarwitnessError("undone")

    with pytest.raises(EarwitnessError):
        undone()
    with database.reading() as reader:
        assert reader is not None
        rows = reader.execute(select(EventRow.kind, EventRow.owner_id, EventRow.about)).all()
    assert [tuple(r) for r in rows] == [("made", "u_a", {"id": "r_1"})]
