"""Passwords: which are taken, and how one is kept and compared.

Argon2id with the parameters that OWASP gives (19 MiB, two passes, one lane; Password Storage Cheat Sheet). Two at a
time are worked on, so that whoever tries many takes no more than that of the machine.
"""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from earwitness.archive.account import folded
from earwitness.errors import BadInput

LEAST, MOST = 12, 1000
"""Characters of a password."""

FEWEST_KINDS = 5
"""Fewer different characters than that are a pattern, not a password."""

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$LtV1m8nbcXlkjyTcJDsnLg$Ng/7hPoM9XBQCdWzo4E0V8NE48Y98kYXYJgx7SULaek"
"""Hash of a random password that nobody has: whoever is not there takes as long as whoever is."""

STEMS = (
    "password", "passw0rd", "p@ssw0rd", "letmein", "welcome", "administrator", "admin", "earwitness", "qwerty",
    "iloveyou", "changeme", "default", "monkey", "dragon", "football", "baseball", "sunshine", "princess", "superman",
    "trustno1", "starwars", "whatever", "abc", "test", "root", "secret", "master", "login", "hello", "guest", "temp",
)  # fmt: skip
"""Words that people take, again and again, with some digits behind."""

COMMON = frozenset((
    "qwertyuiop12", "qwertyuiop123", "qwertyuiop[]", "qwertyuiopasdfghjkl", "qwertyuiopasdf", "qwerty123456",
    "1q2w3e4r5t6y", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "zaq12wsxcde3", "qazwsxedcrfv",
    "q1w2e3r4t5y6", "asdfghjkl123", "asdfghjkl;'", "zxcvbnm12345", "correcthorsebatterystaple",
    "correct horse battery staple",
    "thisismypassword", "mypassword123", "passwordpassword", "letmeinplease", "opensesame123", "ilovemyfamily",
    "1234qwerasdf", "1234567890qw", "abcdefghijkl", "abcdefghijklmnop", "abcdefghijklmnopqrstuvwxyz", "0123456789ab",
))  # fmt: skip
"""Others of twelve characters and more that stand at the top of lists of stolen ones."""


class Passwords:
    """Keeps and compares passwords. Safe to share between threads; not for an event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._turns = threading.Semaphore(2)

    def kept(self, password: str) -> str:
        """What is kept of a password."""
        with self._turns:
            return self._hasher.hash(password)

    def right(self, password: str, kept: str | None) -> bool:
        """Whether this is the password; without anything kept, False after as long a time."""
        with self._turns:
            try:
                self._hasher.verify(kept or NOBODY, password[:MOST])
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether it was kept with other parameters than those of today."""
        return self._hasher.check_needs_rehash(kept)


def check(password: str, name: str) -> None:
    """Raise BadInput for a password that is short, endless, well known, or says the user's name."""
    if not LEAST <= len(password) <= MOST:
        raise BadInput(
            f"a password has {LEAST} to {MOST} characters, and this one has {len(password)}",
            remedy="Several words that don't belong together are easy to keep in mind.",
            param="password",
        )
    said = folded(password)
    plain = said.strip("0123456789!?.,*#@$%&-_ ")
    told = "Take another: several words that don't belong together."
    if said in COMMON or not plain or any(plain == n * stem for stem in STEMS for n in (1, 2, 3)):
        raise BadInput("this password stands on every list of stolen ones", remedy=told, param="password")
    if len(set(said)) < FEWEST_KINDS or plain == folded(name):
        raise BadInput("this password is guessed at once", remedy=told, param="password")
