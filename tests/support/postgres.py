"""A PostgreSQL server of the tests' own, from the system's packages: in a folder, on a socket, gone afterwards."""

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, text

USER = "earwitness"
NUMBERS = itertools.count(1)
PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt")


def programs() -> Path | None:
    """The folder of `initdb` and its like, the newest; None where PostgreSQL is not installed."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    here = [path.parent for place in PLACES for path in Path(place).glob("*/bin/initdb")]
    return max(here, key=lambda p: [int(n) for n in p.parent.name.split(".") if n.isdigit()], default=None)


def _somebody() -> str | None:
    """Under whose name it runs: PostgreSQL refuses to be root."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


@contextlib.contextmanager
def running(bin_: Path) -> Iterator[str]:
    """The address of a server with an empty database; what is written there need not survive."""
    user = _somebody()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user:
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        done = subprocess.run(
            command,
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={"LC_ALL": "C"},
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr}")

    data, options = str(folder / "data"), f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
    run(str(bin_ / "initdb"), "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
    run(str(bin_ / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://{USER}@/postgres?host={folder}"
    finally:
        run(str(bin_ / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def empty(address: str) -> Iterator[str]:
    """The address of a fresh database of that server, gone afterwards."""
    name = f"test{next(NUMBERS)}"
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield address.replace("/postgres?", f"/{name}?")
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()
