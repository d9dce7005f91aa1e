"""Users for whom somebody else vouches: who gets in as whom, on both databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from earwitness.archive.account import By, Role, User
from earwitness.archive.accounts import Accounts
from earwitness.archive.database import Database
from earwitness.archive.schema.accounts import AuditRow, BarredRow
from earwitness.archive.vouched import PROXY, Admission, Vouched, subject_from, subject_of
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Conflict, EarwitnessError, Forbidden, NotFound, Unauthorized

PASSWORD = "tall ships over quiet water"
BY = By("stranger", "192.0.2.7")
ISSUER = "https://id.example"
ANYBODY = Admission("viewer")
ROLES: dict[str, Role] = {"bosses": "admin", "ops": "operator"}


@pytest.fixture
def accounts(database: Database, writer: Writer) -> Accounts:
    """Anna is there, an administrator."""
    found = Accounts(database, writer)
    found.begin("Anna", PASSWORD, BY)
    return found


def who(name: str, *groups: str, ident: str = "") -> Vouched:
    return Vouched(subject_of(ISSUER, ident or f"id of {name}"), name, groups)


def test_somebody_new_gets_an_account_once(accounts: Accounts) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: accounts.vouched.admitted(who("Bob"), ANYBODY, BY), range(8)))
    assert len({user.id for user in found}) == 1
    assert (found[0].role, found[0].subject) == ("viewer", f"{ISSUER} id of Bob")
    assert accounts.known("Bob", PASSWORD) is None
    assert [user.name for user in accounts.all()] == ["Anna", "Bob"]
    assert accounts.audit.page()[0].address == BY.address
    assert "Bob" not in str(accounts.audit.page())
    again = accounts.vouched.admitted(who("Robert", ident="id of Bob"), Admission(), BY)
    assert again.id == found[0].id, "whoever has an account keeps it"
    assert again.name == "Bob"


def test_nobody_comes_before_the_first_administrator(database: Database, writer: Writer) -> None:
    nobody = Accounts(database, writer)
    with pytest.raises(Unauthorized, match="no accounts"):
        nobody.vouched.admitted(who("Bob", "bosses"), Admission("operator", ROLES), BY)
    assert not nobody.anybody()


@pytest.mark.parametrize(
    ("groups", "new", "role"),
    [(("ops", "bosses"), None, "admin"), (("bosses", "ops"), "viewer", "admin"), (("ops", "x"), None, "operator"),
     (("x",), "viewer", "viewer"), ((), "operator", "operator"), (("Bosses", "bosse"), None, None)],
)  # fmt: skip
def test_the_highest_role_counts(groups: tuple[str, ...], new: Role | None, role: Role | None) -> None:
    assert Admission(new, ROLES).role(groups) == role


def test_a_role_follows_the_groups(accounts: Accounts) -> None:
    how, seen = Admission(None, ROLES), list[str]()
    for groups in (("bosses",), ("ops",), ("bosses",)):
        seen.append(accounts.vouched.admitted(who("Bob", *groups), how, BY).role)
    assert seen == ["admin", "operator", "admin"]
    with pytest.raises(Forbidden, match="groups"):
        accounts.vouched.admitted(who("Bob", "x"), how, BY)
    assert accounts.meant("Bob").role == "admin", "who is not let in is not changed"
    assert accounts.vouched.admitted(who("Bob"), Admission(), BY).role == "admin"
    anna = accounts.meant("Anna")
    accounts.vouched.link(anna.id, subject_of(ISSUER, "a"), BY)
    assert accounts.vouched.admitted(who("Anna", "ops", ident="a"), how, BY).role == "admin", "she has a password"
    assert accounts.vouched.admitted(who("Anna", ident="a"), how, BY).role == "admin"
    with pytest.raises(BadInput, match="last administrator"):
        accounts.remove(anna.id, BY)


def test_a_name_that_is_taken_gives_nobody_an_account(accounts: Accounts) -> None:
    for name in ("Anna", " ANNA ", "ａｎｎａ"):
        with pytest.raises(Conflict, match="has the name"):
            accounts.vouched.admitted(who(name), Admission("viewer", ROLES), BY)
    for name in ("", "x" * 101, "a\x00b"):
        with pytest.raises(BadInput):
            accounts.vouched.admitted(Vouched(subject_of(ISSUER, "x"), name), ANYBODY, BY)
    assert len(accounts.all()) == 1


def test_who_is_removed_or_disabled_comes_in_no_more(accounts: Accounts, database: Database) -> None:
    bob = accounts.vouched.admitted(who("Bob"), ANYBODY, BY)
    accounts.change(bob.id, BY, enabled=False)
    with pytest.raises(Forbidden, match="disabled"):
        accounts.vouched.admitted(who("Bob"), ANYBODY, BY)
    accounts.remove(bob.id, BY)
    for name in ("Bob", "Robert"):
        with pytest.raises(Forbidden, match="no account"):
            accounts.vouched.admitted(who(name, "bosses", ident="id of Bob"), Admission("viewer", ROLES), BY)
    with database.reading() as connection:
        assert connection is not None
        assert "Bob" not in str(connection.execute(select(BarredRow)).all())
        assert "Bob" not in str(connection.execute(select(AuditRow)).all())
    again = accounts.add("Bob", "operator", None, BY, f"{ISSUER} id of Bob")
    assert accounts.vouched.admitted(who("Bob"), Admission(), BY) == again
    accounts.remove(again.id, BY)
    carl = accounts.add("Carl", "viewer", PASSWORD, BY)
    accounts.vouched.link(carl.id, f"{ISSUER} id of Bob", BY)
    assert accounts.vouched.admitted(who("Bob"), Admission(), BY).id == carl.id
    accounts.remove(carl.id, BY)
    accounts.remove(accounts.add("Dan", "viewer", PASSWORD, BY).id, BY)  # nobody vouches for him


def test_an_account_is_linked_and_unlinked(accounts: Accounts) -> None:
    anna, subject = accounts.meant("Anna"), subject_of(PROXY, "anna")
    bob = accounts.vouched.admitted(who("Bob"), ANYBODY, BY)
    assert bob.subject is not None
    logins = accounts.logins
    with pytest.raises(Conflict):
        accounts.vouched.link(anna.id, bob.subject, BY)
    with pytest.raises(Conflict):
        accounts.add("Carl", "viewer", None, BY, bob.subject)
    with pytest.raises(NotFound):
        accounts.vouched.link("u_nobody", subject, BY)
    assert accounts.vouched.link(anna.id, subject, BY).subject == subject
    by_password, elsewhere = logins.begin(anna, BY, ""), logins.begin(anna, BY, "", "oidc")
    assert accounts.vouched.link(anna.id, subject, BY) == accounts.meant("Anna")
    assert logins.of(elsewhere) is not None, "nothing was changed"
    assert accounts.vouched.admitted(Vouched(subject, "whoever"), Admission(), BY).id == anna.id
    assert accounts.vouched.link(anna.id, None, BY).subject is None
    assert logins.of(elsewhere) is None
    assert logins.of(by_password) is not None
    with pytest.raises(EarwitnessError):
        accounts.vouched.admitted(Vouched(subject, "Anna"), ANYBODY, BY)
    assert [entry.what for entry in accounts.audit.page(most=4)] == ["user unlinked", "login", "login", "user linked"]


@pytest.mark.parametrize(
    "word", ["", "x", "proxy", "proxy ", "https://id.example", "ftp://id.example x", "anna@example.com x",
             "proxy a\x00", f"https://id.example {'x' * 256}", f"https://{'x' * 400} a"],
)  # fmt: skip
def test_what_is_no_subject_is_refused(word: str) -> None:
    with pytest.raises(BadInput):
        subject_from(word)


def test_a_subject_is_an_issuer_and_who_that_calls_so(accounts: Accounts) -> None:
    assert subject_from(" https://id.example/a/ x y ") == subject_of("https://id.example/a", "x y")
    longest = subject_of(f"https://{'i' * 290}", "s" * 255)
    made = accounts.vouched.admitted(Vouched(longest, "Bob"), ANYBODY, BY)
    assert accounts.vouched.admitted(Vouched(longest, "Bob"), ANYBODY, BY) == made
    other: User = accounts.vouched.admitted(Vouched(subject_of(PROXY, "bob"), "Another"), ANYBODY, BY)
    assert other.id != made.id
