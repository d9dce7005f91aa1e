"""Pages of the web UI in the hands of users with accounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, expect

from earwitness.archive.account import By, Role, User
from earwitness.archive.accounts import Accounts
from earwitness.archive.logins import Logins
from support import browser as browsing
from support.browsing import PASSWORD
from support.scribes import Place

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 800}}


@dataclass(frozen=True)
class Visitors(Place):
    """A server with accounts, of which Root is the first, an administrator's."""

    root: User = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.accounts.begin("Root", PASSWORD, By()))

    @property
    def accounts(self) -> Accounts:
        """The accounts behind the doors."""
        return self.house.archive.accounts

    @property
    def logins(self) -> Logins:
        """Who is logged in."""
        return self.accounts.logins

    def user(self, name: str, role: Role = "viewer") -> User:
        """An account, with the password that all have here."""
        return self.accounts.add(name, role, PASSWORD, By())

    def token(self, user: User, agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0") -> str:
        """A cookie of theirs; no password is asked for, as tries are counted."""
        return self.logins.begin(user, By(), agent)

    def enter(self, context: BrowserContext, user: User) -> None:
        """Let a browser be theirs."""
        context.add_cookies([{"name": "earwitness", "value": self.token(user), "url": self.base}])

    @contextmanager
    def tab(self, browser: Chromium, user: User | None = None, path: str = "", **how: Any) -> Iterator[Page]:
        """A page of a user, Root's where none is named."""
        with browsing.tab(browser, self.base, **how) as page:
            self.enter(page.context, user or self.root)
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=20_000)
            yield page
