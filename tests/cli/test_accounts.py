"""`earwitness users` and `earwitness keys`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from earwitness import config
from earwitness.archive.whole import Archive
from earwitness.cli import app
from earwitness.errors import BadInput, Conflict, Forbidden, NotFound

PASSWORD, OTHER = "tall ships over quiet water", "nine green kettles whistle"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))


def run(*words: str, said: str | None = None) -> Result:
    return CliRunner().invoke(app, words, input=said)


def right(name: str, password: str) -> bool:
    settings = config.load()
    archive = Archive(settings.archive, settings.kept)
    found = archive.accounts.known(name, password) is not None
    archive.close()
    return found


def test_users_come_and_go() -> None:
    assert "Nobody has an account yet" in run("users", "list").stderr
    assert isinstance(run("users", "add", "Bob", said=f"{PASSWORD}\n").exception, BadInput)  # the first is an admin
    made = run("users", "add", "Anna", "admin", said=f"{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert run("users", "add", "Bob", said=f"{PASSWORD}\n").exit_code == 0
    assert right("Anna", PASSWORD)
    assert run("users", "password", "bob", said=f"{OTHER}\n").exit_code == 0
    assert right("Bob", OTHER)
    assert run("users", "role", "Bob", "operator").exit_code == 0
    found = json.loads(run("users", "list", "--json").stdout)
    assert [(user["name"], user["role"]) for user in found] == [("Anna", "admin"), ("Bob", "operator")]
    assert "password" not in str(found)
    assert "operator" in run("users", "list").stdout
    assert run("users", "remove", "Bob").exit_code == 0
    assert isinstance(run("users", "remove", "Anna").exception, BadInput)
    gone = run("users", "remove", "Anna", "--last")
    assert "Nobody is left" in gone.stderr
    assert json.loads(run("users", "list", "--json").stdout) == []


def test_whom_somebody_else_vouches_for_needs_no_password() -> None:
    run("users", "add", "Anna", "admin", said=f"{PASSWORD}\n")
    made = run("users", "add", "Bob", "operator", "--subject", "https://id.example 24400320")
    assert made.exit_code == 0, made.output
    assert not right("Bob", PASSWORD)
    assert "proxy anna" in run("users", "link", "Anna", "proxy anna").stdout
    found = json.loads(run("users", "list", "--json").stdout)
    assert [user["subject"] for user in found] == ["proxy anna", "https://id.example 24400320"]
    assert isinstance(run("users", "link", "Bob", "proxy anna").exception, Conflict)
    assert isinstance(run("users", "link", "Bob", "bob@example.com").exception, BadInput)
    assert isinstance(run("users", "add", "Carl", "--subject", "x").exception, BadInput)
    assert run("users", "unlink", "Anna").exit_code == 0
    assert json.loads(run("users", "list", "--json").stdout)[0]["subject"] is None
    assert isinstance(run("users", "unlink", "Carl").exception, NotFound)


@pytest.mark.parametrize("said", ["", "\n", "short\n", "password1234\n", "x" * 4000])
def test_a_password_that_will_not_do_makes_nobody(said: str) -> None:
    assert isinstance(run("users", "add", "Anna", "admin", said=said).exception, BadInput)
    assert json.loads(run("users", "list", "--json").stdout) == []


def test_what_is_not_there_is_told() -> None:
    run("users", "add", "Anna", "admin", said=f"{PASSWORD}\n")
    for words in (
        ("users", "remove", "x"),
        ("users", "role", "x", "admin"),
        ("keys", "add", "x", "k"),
        ("keys", "remove", "x"),
    ):
        assert isinstance(run(*words).exception, NotFound), words
    assert isinstance(run("users", "role", "Anna", "king").exception, BadInput)


def test_a_key_is_shown_once() -> None:
    assert "There is no key yet" in run("keys", "list").stderr
    run("users", "add", "Anna", "admin", said=f"{PASSWORD}\n")
    run("users", "add", "Bob", said=f"{PASSWORD}\n")
    whole = run("keys", "add", "Anna", "backup", "--scope", "archive:read", "--days", "90").stdout.strip()
    assert whole.startswith("ew_")
    listed = run("keys", "list", "--json").stdout
    assert whole.split("_", 2)[2] not in listed
    (key,) = json.loads(listed)
    assert (key["name"], key["scopes"]) == ("backup", ["archive:read"])
    assert "backup" in run("keys", "list").stdout
    assert isinstance(run("keys", "add", "Bob", "k", "--scope", "admin").exception, Forbidden)
    assert run("keys", "remove", whole).exit_code == 0
    assert json.loads(run("keys", "list", "--json").stdout) == []


def test_passwords_are_no_words_of_the_command_line(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "earwitness", "users", "add", "Anna", "admin", PASSWORD],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL, env=dict(os.environ),
    )  # fmt: skip
    assert found.returncode == 2
    assert json.loads(run("users", "list", "--json").stdout) == []
