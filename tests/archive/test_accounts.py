"""Accounts in the database: users and passwords, logins, keys, grants, and what the audit says of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from argon2 import PasswordHasher
from sqlalchemy import insert, select, update

from earwitness.archive import passwords
from earwitness.archive.account import By, User, folded
from earwitness.archive.accounts import Accounts
from earwitness.archive.database import Database
from earwitness.archive.keys import DAY_S, WHOLE
from earwitness.archive.logins import IDLE_S, LONGEST_S
from earwitness.archive.schema.accounts import AuditRow, KeyRow, LoginRow, UserRow
from earwitness.archive.schema.heard import RecordingRow, SourceRow
from earwitness.archive.schema.work import EventRow
from earwitness.archive.viewer import sees
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Forbidden, NotFound

PASSWORD, OTHER = "tall ships over quiet water", "nine green kettles whistle"
BY = By("u_somebody", "192.0.2.7")


@dataclass
class Clock:
    """A clock that is put."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(database: Database, writer: Writer, clock: Clock) -> Accounts:
    return Accounts(database, writer, clock)


@pytest.fixture
def anna(accounts: Accounts) -> User:
    """The first user."""
    return accounts.begin("Anna", PASSWORD, BY)


@pytest.fixture
def add_source(writer: Writer) -> Callable[[str], None]:
    def add(ident: str) -> None:
        row = {"id": ident, "name": ident, "kind": "file", "options": {}, "keep": {}, "enabled": True, "made_s": 0.0}
        writer.write(lambda c: c.execute(insert(SourceRow).values(row)).rowcount)

    return add


def _recording(ident: str, owner: str | None, source: str | None) -> dict[str, object]:
    return {
        "id": ident, "kind": "file", "state": "whole", "title": ident, "owner_id": owner, "source_id": source,
        "began_s": 0.0, "duration_s": 1.0, "about": {}, "kept": False, "made_s": 0.0, "changed_s": 0.0,
    }  # fmt: skip


def _whats(database: Database) -> list[str]:
    with database.reading() as connection:
        assert connection is not None
        return list(connection.execute(select(AuditRow.what).order_by(AuditRow.id)).scalars())


# ── users and passwords ──
def test_nobody_is_there_until_somebody_is(accounts: Accounts) -> None:
    assert not accounts.anybody()
    assert accounts.all() == ()
    assert accounts.known("Anna", PASSWORD) is None
    with pytest.raises(BadInput, match="administrator"):
        accounts.add("Bob", "viewer", PASSWORD, BY)
    assert not accounts.anybody()
    accounts.begin("Anna", PASSWORD, BY)
    assert accounts.anybody()


def test_of_many_who_set_up_at_once_one_does(accounts: Accounts) -> None:
    def begin(number: int) -> bool:
        try:
            accounts.begin(f"user {number}", PASSWORD, BY)
        except BadInput:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(begin, range(4))) == 1
    assert len(accounts.all()) == 1


def test_a_password_opens_and_another_does_not(accounts: Accounts, anna: User, database: Database) -> None:
    assert accounts.known("Anna", PASSWORD) == anna
    assert accounts.known(" ＡＮＮＡ ", PASSWORD) == anna
    for name, password in (("Anna", PASSWORD + "x"), ("Anna", ""), ("Bob", PASSWORD), ("", ""), ("Anna", "x" * 10**6)):
        assert accounts.known(name, password) is None
    with database.reading() as connection:
        assert connection is not None
        assert PASSWORD not in str(connection.execute(select(UserRow)).all())


def test_whoever_is_not_there_takes_the_same_work(
    accounts: Accounts, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked = list[str | None]()
    right = passwords.Passwords.right

    def seen(self: passwords.Passwords, password: str, kept: str | None) -> bool:
        worked.append(kept)
        return right(self, password, kept)

    monkeypatch.setattr(passwords.Passwords, "right", seen)
    accounts.add("Proxied", "viewer", None, BY)
    for name in ("Anna", "Nobody", "Proxied"):
        assert accounts.known(name, OTHER) is None
    assert [kept is None for kept in worked] == [False, True, True]
    assert not passwords.Passwords().outdated(passwords.NOBODY)


def test_older_hashes_are_made_anew(accounts: Accounts, anna: User, writer: Writer, database: Database) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    writer.write(lambda c: c.execute(update(UserRow).values(password=weak)).rowcount)
    assert accounts.known("Anna", PASSWORD) == anna
    with database.reading() as connection:
        assert connection is not None
        kept = connection.execute(select(UserRow.password)).scalar_one()
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert accounts.known("Anna", PASSWORD) == anna


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 11, "x" * 1001, "password1234", "PassWord!!2024", "123456789012", "aaaaaaaaaaaaaaaa",
     "abababababab", "qwertyuiop123", "AnnaMargarete1", "earwitness2026"],
)  # fmt: skip
def test_passwords_that_everybody_guesses_are_not_taken(password: str) -> None:
    with pytest.raises(BadInput) as caught:
        passwords.check(password, "Anna Margarete" if "Margarete" not in password else "AnnaMargarete")
    assert caught.value.param == "password"
    assert not password or password not in caught.value.message


@pytest.mark.parametrize("password", [PASSWORD, "пароль на всё время", "j7!kQ2#vLx9@", "x y z w v u t s"])
def test_others_are(password: str) -> None:
    passwords.check(password, "Anna")


def test_there_is_always_an_administrator(accounts: Accounts, anna: User) -> None:
    bob = accounts.add("Bob", "operator", OTHER, BY)
    for change in (
        lambda: accounts.change(anna.id, BY, role="viewer"),
        lambda: accounts.change(anna.id, BY, enabled=False),
        lambda: accounts.remove(anna.id, BY),
        lambda: accounts.remove(anna.id, BY, last=True),
    ):
        with pytest.raises(BadInput, match="last administrator"):
            change()
    accounts.change(bob.id, BY, role="admin")
    accounts.remove(anna.id, BY)
    with pytest.raises(BadInput, match="last administrator"):
        accounts.remove(bob.id, BY)
    accounts.remove(bob.id, BY, last=True)
    assert not accounts.anybody()


def test_names_are_taken_once(accounts: Accounts, anna: User) -> None:
    for name in ("anna", "ANNA ", "Ａnna"):
        with pytest.raises(BadInput, match="there is a user"):
            accounts.add(name, "viewer", OTHER, BY)
    for name in ("", " ", "a\nb\x00", "x" * 101):
        with pytest.raises(BadInput):
            accounts.add(name, "viewer", OTHER, BY)
    with pytest.raises(BadInput, match="role"):
        accounts.add("Bob", "king", OTHER, BY)
    assert folded("Straße") == folded("STRASSE")


# ── logins ──
def test_a_login_opens_until_it_is_over(accounts: Accounts, anna: User, clock: Clock) -> None:
    token = accounts.logins.begin(anna, BY, "A browser\x00")
    found = accounts.logins.of(token)
    assert found is not None
    assert (found[0].id, found[1].agent, found[1].address) == (anna.id, "A browser", BY.address)
    for wrong in ("", token[:-1], token + "x", token.swapcase()):
        assert accounts.logins.of(wrong) is None
    clock.now += IDLE_S - 1
    assert accounts.logins.of(token) is not None  # and is used again now
    accounts.logins.begin(anna, BY, "")  # written after that
    clock.now += IDLE_S - 1
    assert accounts.logins.of(token) is not None
    accounts.logins.begin(anna, BY, "")
    clock.now += IDLE_S + 1
    assert accounts.logins.of(token) is None
    assert accounts.logins.all(anna.id) == ()


def test_no_login_is_endless(accounts: Accounts, anna: User, clock: Clock) -> None:
    token, began = accounts.logins.begin(anna, BY, ""), clock.now
    while clock.now < began + LONGEST_S - 10 * 86_400:
        clock.now += 10 * 86_400
        assert accounts.logins.of(token) is not None
        accounts.logins.begin(anna, BY, "")
    clock.now = began + LONGEST_S
    assert accounts.logins.of(token) is None


def test_the_database_holds_nothing_that_opens(accounts: Accounts, anna: User, database: Database) -> None:
    token = accounts.logins.begin(anna, BY, "")
    _, whole = accounts.keys.make(anna, "backup", ("transcribe",), BY)
    with database.reading() as connection:
        assert connection is not None
        told = str([connection.execute(select(table)).all() for table in (LoginRow, KeyRow, AuditRow, EventRow)])
    assert token not in told
    assert whole.split("_", 2)[2] not in told


def test_what_ends_logins(accounts: Accounts, anna: User) -> None:
    bob = accounts.add("Bob", "viewer", OTHER, BY)
    first, second = (accounts.logins.begin(bob, BY, "") for _ in range(2))
    held = accounts.logins.of(first)
    assert held is not None
    with pytest.raises(NotFound):
        accounts.logins.end(held[1].id, BY, anna.id)
    accounts.password(bob.id, PASSWORD, BY, but=held[1].id)
    assert accounts.logins.of(first) is not None
    assert accounts.logins.of(second) is None
    accounts.logins.end(held[1].id, BY, bob.id)
    assert accounts.logins.of(first) is None
    third = accounts.logins.begin(bob, BY, "")
    accounts.change(bob.id, BY, enabled=False)
    assert accounts.logins.of(third) is None
    assert accounts.known("Bob", PASSWORD) is None
    accounts.change(bob.id, BY, enabled=True)
    assert accounts.logins.of(third) is None


# ── keys ──
def test_a_key_opens_until_it_is_over(accounts: Accounts, anna: User, clock: Clock) -> None:
    key, whole = accounts.keys.make(anna, "backup", ("archive:read", "transcribe"), BY, days=2)
    assert WHOLE.fullmatch(whole)
    found = accounts.keys.of(whole)
    assert found is not None
    assert (found[0].id, found[1].id, found[1].scopes) == (anna.id, key.id, ("transcribe", "archive:read"))
    head, secret = whole[:12], whole[12:]
    for wrong in ("", head, head + secret[:-1], head + secret[::-1], whole + "x", f"ew_00000000_{secret}", "ew__"):
        assert accounts.keys.of(wrong) is None
    clock.now += 2 * DAY_S
    assert accounts.keys.of(whole) is None


def test_a_key_goes_with_its_user(accounts: Accounts, anna: User) -> None:
    bob = accounts.add("Bob", "viewer", OTHER, BY)
    key, whole = accounts.keys.make(bob, "k", ("transcribe",), BY)
    accounts.change(bob.id, BY, enabled=False)
    assert accounts.keys.of(whole) is None
    accounts.change(bob.id, BY, enabled=True)
    with pytest.raises(NotFound):
        accounts.keys.remove(key.id, BY, anna.id)
    assert accounts.keys.of(whole) is not None
    accounts.keys.remove(key.id, BY, bob.id)
    assert accounts.keys.of(whole) is None
    _, whole = accounts.keys.make(bob, "k", ("transcribe",), BY)
    accounts.remove(bob.id, BY)
    assert accounts.keys.of(whole) is None
    assert accounts.keys.all() == ()


def test_a_key_is_no_more_than_its_user(accounts: Accounts, anna: User) -> None:
    bob = accounts.add("Bob", "viewer", OTHER, BY)
    for scope in ("admin", "people:read", "sources:write"):
        with pytest.raises(Forbidden):
            accounts.keys.make(bob, "k", (scope,), BY)
    for scopes in ((), ("everything",)):
        with pytest.raises(BadInput):
            accounts.keys.make(bob, "k", scopes, BY)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput):
            accounts.keys.make(bob, "k", ("transcribe",), BY, day_s=wrong)
    with pytest.raises(NotFound):
        accounts.keys.make(anna, "k", ("transcribe",), BY, sources=("s_nowhere",))


def test_audio_is_counted_by_the_day(accounts: Accounts, anna: User, clock: Clock) -> None:
    clock.now = 20_000 * DAY_S + 86_000.0
    free, _ = accounts.keys.make(anna, "free", ("transcribe",), BY)
    key, _ = accounts.keys.make(anna, "bound", ("transcribe",), BY, day_s=100)
    assert accounts.keys.left_s(free) is None
    assert accounts.keys.left_s(key) == 100
    for _ in range(3):
        accounts.keys.spend(key.id, 30)
    accounts.logins.begin(anna, BY, "")  # written after them
    assert accounts.keys.left_s(key) == 10
    accounts.keys.spend(key.id, 300)
    accounts.keys.spend("00000000", 300)
    accounts.logins.begin(anna, BY, "")
    assert accounts.keys.left_s(key) == 0
    assert accounts.keys.until_tomorrow_s() == 400
    clock.now += 400
    assert accounts.keys.left_s(key) == 100


# ── grants ──
def test_what_is_granted_is_seen_and_nothing_else(
    accounts: Accounts, anna: User, database: Database, writer: Writer, add_source: Callable[[str], None]
) -> None:
    bob = accounts.add("Bob", "viewer", OTHER, BY)
    for source in ("door", "kitchen"):
        add_source(source)
    rows = [("mine", bob.id, None), ("annas", anna.id, None), ("at_door", None, "door"), ("cooking", None, "kitchen")]
    writer.write(lambda c: c.execute(insert(RecordingRow), [_recording(*row) for row in rows]).rowcount)
    key, _ = accounts.keys.make(bob, "k", ("archive:read",), BY, sources=("door",))
    over, _ = accounts.keys.make(anna, "k", ("archive:read",), BY, sources=("door",))

    def seen(verb: str = "view") -> list[list[str]]:
        with database.reading() as connection:
            assert connection is not None
            who = bob.viewer, key.viewer(bob), over.viewer(anna), anna.viewer
            wanted = [select(RecordingRow.id).where(sees(v, verb)).order_by(RecordingRow.id) for v in who]
            return [list(connection.execute(w).scalars()) for w in wanted]

    everything = ["annas", "at_door", "cooking", "mine"]
    assert seen() == [["mine"], [], ["at_door"], everything]
    door = accounts.grant(bob.id, "view", BY, source="door")
    assert accounts.grant(bob.id, "view", BY, source="door") == door
    one = accounts.grant(bob.id, "view", BY, recording="annas")
    assert seen() == [["annas", "at_door", "mine"], ["at_door"], ["at_door"], everything]
    assert seen("edit") == [["mine"], [], ["at_door"], everything]
    assert accounts.grants(bob.id) == (door, one)
    accounts.withdraw(door.id, BY)
    accounts.withdraw(one.id, BY)
    assert seen() == [["mine"], [], ["at_door"], everything]


def test_grants_that_mean_nothing_are_refused(accounts: Accounts, anna: User) -> None:
    for source, recording, kind in (
        ("s", None, NotFound),
        (None, "r", NotFound),
        (None, None, BadInput),
        ("s", "r", BadInput),
    ):
        with pytest.raises(kind):
            accounts.grant(anna.id, "view", BY, source=source, recording=recording)
    with pytest.raises(BadInput, match="granted"):
        accounts.grant(anna.id, "destroy", BY, source="s")
    with pytest.raises(NotFound):
        accounts.withdraw(7, BY)


# ── the audit ──
def test_everything_that_changes_accounts_is_written_down(
    accounts: Accounts, anna: User, database: Database, add_source: Callable[[str], None]
) -> None:
    bob = accounts.add("Bob", "viewer", OTHER, BY)
    add_source("door")
    key, _ = accounts.keys.make(bob, "k", ("transcribe",), BY)
    held = accounts.logins.of(accounts.logins.begin(bob, BY, ""))
    assert held is not None
    accounts.refused("Bob", BY)
    accounts.refused("Nobody at all", BY)
    accounts.logins.end(held[1].id, BY)
    accounts.withdraw(accounts.grant(bob.id, "view", BY, source="door").id, BY)
    accounts.password(bob.id, PASSWORD, BY)
    accounts.change(bob.id, BY, role="operator")
    accounts.keys.remove(key.id, BY)
    accounts.remove(bob.id, BY)
    assert _whats(database) == [
        "user added", "user added", "key made", "login", "login refused", "login refused", "logout", "granted",
        "withdrawn", "password changed", "user changed", "key removed", "user removed",
    ]  # fmt: skip
    entries = accounts.audit.page(most=5)
    assert entries[0].what == "user removed"
    assert {e.address for e in entries} == {BY.address}
    assert accounts.audit.page(before=entries[-1].id)[0].id < entries[-1].id
    told = str(accounts.audit.page())
    for secret in ("Anna", "Bob", "Nobody at all", PASSWORD, OTHER):
        assert secret not in told


def test_what_fails_leaves_no_trace(accounts: Accounts, anna: User, database: Database) -> None:
    before = _whats(database)
    with pytest.raises(BadInput):
        accounts.remove(anna.id, BY)
    with pytest.raises(NotFound):
        accounts.change("u_nobody", BY, role="viewer")
    assert _whats(database) == before
    assert accounts.all() == (anna,)
