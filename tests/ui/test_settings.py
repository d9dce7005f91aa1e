"""The settings: one's own account, those of others, keys, webhooks, what is kept, who did what."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from earwitness.archive.account import By
from earwitness.config import Settings
from support import browser as browsing
from support.browsing import PASSWORD
from support.posted import listening
from support.scribes import LINES, said
from support.server import housed, running
from support.visitors import PHONE, Visitors

PAGES = ["Profile", "Devices", "API keys", "Webhooks", "Users", "Grants", "Retention", "Privacy", "Audit log"]
OTHER = "nine green kettles whistle"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    settings = Settings(
        home=tmp_path_factory.mktemp("home"), preload=False, allow_private_urls=True, keep_days={"audio": 30}
    )
    with housed(settings) as (base, house):
        yield Visitors(base, house)


def listed(page: Page) -> list[str]:
    """The pages that are offered."""
    return page.get_by_role("navigation", name="Settings").get_by_role("link").all_inner_texts()


def told(page: Page, text: str) -> None:
    """A notification came, and is put away."""
    expect(page.get_by_role("listitem").filter(has_text=text).first).to_be_visible()


# ── who sees what ──
def test_each_sees_the_pages_that_are_for_them(browser: Browser, place: Visitors) -> None:
    with place.tab(browser, place.user("Val"), "settings") as page:
        assert listed(page) == ["Profile", "Devices", "API keys", "Retention", "Privacy"]
        expect(page.get_by_text("Viewer.")).to_be_visible()
        expect(page.get_by_role("region", name="Granted to you")).to_contain_text("Nothing yet.")
        page.goto("settings/users")
        expect(page.get_by_text("This page of the settings is not here for you.")).to_be_visible()
    with place.tab(browser, place.user("Olga", "operator"), "settings/privacy") as page:
        assert listed(page) == ["Profile", "Devices", "API keys", "Webhooks", "Retention", "Privacy"]
        expect(page.get_by_text("No voice is known here")).to_be_visible()
    with place.tab(browser, path="settings") as page:
        assert listed(page) == PAGES


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_kept_out_of_any_page(browser: Browser, place: Visitors, theme: str, width: int) -> None:
    with place.tab(browser, path="settings", viewport={"width": width, "height": 800}) as page:
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        for name in PAGES:
            page.get_by_role("navigation", name="Settings").get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
            expect(page.get_by_text("Loading …")).to_have_count(0)
            expect(page).to_have_title(f"{name} · Earwitness")
            assert browsing.barriers(page) == [], name
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            browsing.picture(page, f"settings-{name.lower().replace(' ', '-')}-{theme}-{width}")


# ── one's own account ──
def test_name_and_password_are_changed(browser: Browser, place: Visitors) -> None:
    user = place.user("Nora")
    phone = place.token(user)
    with place.tab(browser, user, "settings", allowed=("400", "403")) as page:
        name = page.get_by_label("Name")
        save = page.get_by_role("button", name="Save")
        expect(save).to_be_disabled()
        name.fill("root")
        save.click()
        expect(page.get_by_text("there is a user of the name 'root'")).to_be_visible()
        name.fill("Nora <i>the</i> great")
        save.click()
        told(page, "Saved")
        expect(page.get_by_role("button", name="Account: Nora <i>the</i> great")).to_be_visible()

        now, new = page.get_by_label("The password you have now"), page.get_by_label("A new password")
        change = page.get_by_role("button", name="Change the password")
        now.fill(OTHER)
        new.fill("short")
        change.click()
        expect(page.get_by_text("12 characters at least, please.")).to_be_visible()
        new.fill(OTHER)
        change.click()
        expect(page.get_by_text("That is not the password you have now.")).to_be_visible()
        now.fill(PASSWORD)
        change.click()
        told(page, "The password is changed.")
        expect(now).to_have_value("")
        assert place.logins.of(phone) is None
    assert place.accounts.known("nora <i>the</i> great", OTHER)


def test_a_login_that_ends_meanwhile_loses_nothing(browser: Browser, place: Visitors) -> None:
    user = place.user("Ines")
    with place.tab(browser, user, "settings", allowed=("401",)) as page:
        page.get_by_label("Name").fill("Ines the second")
        for login in place.logins.all(user.id):
            place.logins.end(login.id, By())
        again = page.get_by_role("dialog", name="Log in")
        expect(again).to_contain_text("what you were doing is still here", timeout=10_000)
        assert browsing.barriers(page) == []
        again.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(again).to_be_hidden()
        page.get_by_role("button", name="Save").click()
        told(page, "Saved")
    assert place.accounts.one(user.id).name == "Ines the second"


def test_devices_are_logged_out(browser: Browser, place: Visitors) -> None:
    user = place.user("Dora")
    lost, tablet, _ = place.token(user, "curl/8.5"), place.token(user, "iPad Safari/605"), place.token(user)
    with place.tab(browser, user, "settings/devices", allowed=("401",)) as page:
        expect(page.get_by_text("this device")).to_have_count(1)
        page.get_by_role("button", name="Log out: curl/8.5").click()
        page.get_by_role("dialog").get_by_role("button", name="Log out").click()
        told(page, "Logged out there.")
        assert place.logins.of(lost) is None
        assert place.logins.of(tablet)
        page.get_by_role("button", name="Log out everywhere else").click()
        expect(page.get_by_role("dialog")).to_contain_text("2 other devices have to log in again.")
        page.get_by_role("dialog").get_by_role("button", name="Log out everywhere else").click()
        expect(page.get_by_text("Safari on iPad")).to_have_count(0)
        assert place.logins.of(tablet) is None
        page.get_by_role("button", name=re.compile("^Log out: ")).click()
        expect(page.get_by_role("dialog")).to_contain_text("This is the device you sit at")
        page.get_by_role("dialog").get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()


def test_where_there_are_no_accounts_the_first_is_made(browser: Browser, tmp_path: Path) -> None:
    with running(Settings(home=tmp_path, preload=False)) as base, browsing.tab(browser, base) as page:
        page.goto("settings/users")
        expect(page.get_by_text("No accounts yet")).to_be_visible()
        assert listed(page) == ["Profile", "API keys", "Webhooks", "Users", "Retention", "Privacy"]
        page.goto("settings/keys")
        expect(page.get_by_text('api_key="none"')).to_be_visible()
        page.get_by_role("main").get_by_role("link", name="Profile").last.click()
        page.get_by_label("Name").fill("Anna")
        page.get_by_label("A password").fill(PASSWORD)
        page.get_by_role("button", name="Make the first account").click()
        told(page, "you are logged in")
        expect(page.get_by_role("button", name="Account: Anna")).to_be_visible()
        assert listed(page) == PAGES


# ── keys ──
def test_a_key_is_shown_once_and_its_example_runs(
    browser: Browser, place: Visitors, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = place.user("Kim")
    with place.tab(browser, user, "settings/keys") as page:
        expect(page.get_by_text("No keys yet")).to_be_visible()
        page.get_by_role("button", name="Make a key").click()
        page.keyboard.type("Laptop <b>")
        page.get_by_label("Transcribe recordings").uncheck()
        page.get_by_role("dialog").get_by_role("button", name="Make a key").click()
        expect(page.get_by_text("Name what it may do")).to_be_visible()
        assert page.get_by_role("dialog").get_by_role("checkbox").count() == 4  # no more than a viewer may
        page.get_by_label("Transcribe recordings").check()
        page.get_by_label("It ends").select_option("in 30 days")
        page.get_by_label("Hours of audio a day").fill("two")
        page.get_by_role("dialog").get_by_role("button", name="Make a key").click()
        expect(page.get_by_text("A number of hours")).to_be_visible()
        page.get_by_label("Hours of audio a day").fill("1.5")
        page.keyboard.press("Enter")
        once = page.get_by_role("dialog", name="Your new key")
        key = once.locator("[data-secret]").inner_text()
        assert browsing.barriers(page) == []
        example = once.locator("pre:visible").inner_text()
        once.get_by_role("tab", name="Python").press("ArrowRight")
        expect(once.locator("pre:visible")).to_contain_text(f'apiKey: "{key}"')
        once.get_by_role("button", name="I have it").click()
        expect(page.get_by_role("button", name="Make a key")).to_be_focused()
        expect(page.get_by_text("1.5 h of audio a day · never used")).to_be_visible()
        expect(page.get_by_text(key)).to_have_count(0)

        (tmp_path / "talk.wav").write_bytes(sample.read_bytes())
        monkeypatch.chdir(tmp_path)
        with contextlib.redirect_stdout(io.StringIO()) as heard:
            exec(compile(example, "example", "exec"), {})
        assert len(heard.getvalue().split()) > 40

        page.get_by_role("button", name="Remove: Laptop <b>").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("button", name="Remove: Laptop <b>")).to_be_focused()
        page.get_by_role("button", name="Remove: Laptop <b>").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_text("No keys yet")).to_be_visible()
    assert httpx.get(f"{place.base}/v1/models", headers={"x-api-key": key}).status_code == 401


# ── others ──
def test_users_come_and_change_and_go(browser: Browser, place: Visitors) -> None:
    with place.tab(browser, path="settings/users", allowed=("400", "401")) as page:
        page.get_by_role("button", name="Add a user").click()
        page.keyboard.type("Ulla")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Add a user").click()
        expect(dialog.get_by_text("Give a password, or say who vouches")).to_be_visible()
        dialog.get_by_label("First password").fill("password1234")
        dialog.get_by_role("button", name="Add a user").click()
        expect(dialog.get_by_role("alert").filter(has_text="password")).to_be_visible()
        dialog.get_by_role("button", name="Think one up").click()
        password = dialog.get_by_label("First password").input_value()
        dialog.get_by_role("button", name="Add a user").click()
        told(page, "Ulla may come in now.")
        user = place.accounts.known("Ulla", password)
        assert user

        page.get_by_label("Role of Ulla").select_option("Operator")
        told(page, "Ulla is Operator now.")
        token = place.token(user)
        more = page.get_by_role("button", name="More for Ulla")
        more.click()
        page.get_by_role("menuitem", name="Shut out").click()
        page.get_by_role("dialog").get_by_role("button", name="Shut out").click()
        told(page, "Ulla is shut out.")
        assert place.logins.of(token) is None
        more.click()
        page.get_by_role("menuitem", name="Let in again").click()
        told(page, "Ulla may come in again.")
        more.click()
        page.get_by_role("menuitem", name="Rename").click()
        page.get_by_role("dialog").get_by_label("Name").fill("Ulla B.")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="More for Ulla B.").click()
        page.get_by_role("menuitem", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        told(page, "Ulla B. is removed.")
        expect(page.get_by_label("Role of Ulla B.")).to_have_count(0)
    assert user.id not in {one.id for one in place.accounts.all()}


def test_nobody_locks_everybody_out(browser: Browser, place: Visitors) -> None:
    with place.tab(browser, path="settings/users") as page:
        page.get_by_label("Role of Root").select_option("Viewer")
        told(page, "This is the last administrator who can come in.")
        expect(page.get_by_label("Role of Root")).to_have_value("admin")
        second = place.user("Aida", "admin")
        expect(page.get_by_label("Role of Aida")).to_be_visible()  # another one's change is seen
        page.get_by_label("Role of Root").select_option("Viewer")
        expect(page.get_by_role("dialog", name="Give up being an administrator?")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_label("Role of Root")).to_have_value("admin")
    with place.tab(browser, second, "settings/users", allowed=("401",)) as page:
        page.get_by_role("button", name="More for Aida").click()
        page.get_by_role("menuitem", name="Remove").click()
        expect(page.get_by_role("dialog")).to_contain_text("This is your own account")
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_label("Password")).to_be_visible()


def test_a_grant_lets_a_viewer_see_a_recording(browser: Browser, place: Visitors) -> None:
    user, ident = place.user("Gina"), place.recording(said(*LINES), "Board meeting")
    with place.tab(browser, user, "settings") as theirs, place.tab(browser, path="settings/grants") as page:
        page.get_by_label("Who").select_option("Gina")
        page.get_by_label("May").select_option("read, hear and correct it")
        page.get_by_label("Recording", exact=True).select_option(ident)
        page.get_by_role("button", name="Grant", exact=True).click()
        told(page, "Granted.")
        theirs.get_by_role("link", name="Board meeting").click()
        expect(theirs.get_by_role("heading", level=1)).to_contain_text("Board meeting")
        page.get_by_role("button", name="Take back what Gina may do with Board meeting").click()
        told(page, "Taken back.")
        theirs.goto("settings")
        expect(theirs.get_by_role("region", name="Granted to you")).to_contain_text("Nothing yet.")


# ── webhooks ──
def test_a_webhook_is_tried_switched_off_and_forgotten(browser: Browser, place: Visitors) -> None:
    with listening() as heard, place.tab(browser, path="settings/hooks", allowed=("400",)) as page:
        page.get_by_role("button", name="Add a webhook").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Address").fill("https://user:secret@example.org/")
        dialog.get_by_role("button", name="Add a webhook").click()
        expect(dialog.get_by_role("alert")).to_be_visible()
        dialog.get_by_label("Address").fill(heard.address)
        dialog.get_by_label("Name").fill("Chat <b>")
        dialog.get_by_role("button", name="Add a webhook").click()
        secret = page.get_by_role("dialog", name="The secret").locator("[data-secret]")
        expect(secret).to_contain_text("whsec_")
        page.get_by_role("button", name="I have it").click()
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("Arrived")).to_be_visible()
        assert len(heard.came) == 1
        heard.status = 410
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("Given up")).to_be_visible()
        assert browsing.barriers(page) == []

        menu = page.get_by_role("button", name="Change: Chat <b>")
        page.get_by_role("switch", name="On").click()
        expect(page.get_by_text("Switched off")).to_be_visible()
        expect(page.get_by_role("button", name="Send a test")).to_be_disabled()
        menu.click()
        page.get_by_role("menuitem", name="New secret").click()
        page.get_by_role("dialog").get_by_role("button", name="New secret").click()
        expect(secret).to_contain_text("whsec_")
        page.get_by_role("button", name="I have it").click()
        expect(page.get_by_text("The secret before signs too until")).to_be_visible()
        menu.click()
        page.get_by_role("menuitem", name="Remove").click()
        expect(page.get_by_role("dialog")).to_contain_text(heard.address)
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_text("No webhooks yet")).to_be_visible()


# ── what is kept ──
def test_what_is_kept_is_told_with_the_names_of_the_settings(browser: Browser, place: Visitors) -> None:
    with place.tab(browser, path="settings/retention", **PHONE) as page:
        sound = page.get_by_role("row").filter(has_text="Sound of live sessions")
        expect(sound).to_contain_text("30 days")
        expect(sound).to_contain_text("EARWITNESS_KEEP_DAYS")
        expect(page.get_by_role("row").filter(has_text="Recordings with their text")).to_contain_text("MB")
    with place.tab(browser, place.user("Rita"), "settings/retention") as page:
        expect(page.get_by_role("columnheader", name="How much")).to_have_count(0)


def test_the_audit_says_who_did_what_in_pages(browser: Browser, place: Visitors) -> None:
    vera = place.user("Vera")
    for _ in range(50):
        place.accounts.refused("Vera", By("stranger", "203.0.113.7"))
    with place.tab(browser, path="settings/audit") as page:
        rows = page.get_by_role("table").get_by_role("row")
        expect(rows.filter(has_text="was not let in").first).to_contain_text("Somebody not logged in")
        expect(rows).to_have_count(51)
        page.get_by_role("button", name="Older ones").click()
        expect(rows.filter(has_text="user: Vera · role: Viewer")).to_have_count(1)
        place.accounts.rename(vera.id, "Vera II", By(place.root.id))
        expect(rows.nth(1)).to_contain_text("renamed an account")
