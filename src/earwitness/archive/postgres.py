"""What PostgreSQL needs beside SQL: how it is reached, and what its errors mean."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError

from earwitness.archive.sqlite import WAIT_S, WRITES
from earwitness.errors import BadInput, Busy, EarwitnessError, Missing, StorageFailed

DRIVER = "postgresql+psycopg"

TURN = 0x_6561_7277
"""The lock of whoever writes: one at a time, as with SQLite, so that what was read before stays true."""

CHANNEL = "earwitness"
"""What servers on one database listen to: each is told that something was written, not what."""

MEANINGS = (
    (("53100", "58030"), "can't be written: its disk is full or faulty", "Free some space on the database's machine."),
    (("25006", "42501"), "may not be written by this user", "Give the user of EARWITNESS_DATABASE_URL its tables."),
    (("28",), "does not let this user in", "Correct the user and the password in EARWITNESS_DATABASE_URL."),
    (("3D000",), "does not exist", "Make it with `createdb`, or correct EARWITNESS_DATABASE_URL."),
)
"""By the beginning of the SQLSTATE: what is said of the database, and what to do."""

INDEXES = """
SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_am a ON a.oid = c.relam JOIN pg_index i ON i.indexrelid = c.oid
WHERE a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace AND i.indisvalid
"""
"""Names of the indexes that `amcheck` can look at."""

WAITS = ("40001", "40P01", "55P03", "57014", "53300", "57P03")
"""SQLSTATEs that pass: deadlocks, locks and time limits, too many connections, a server that starts."""


def address(url: str) -> str:
    """The address as SQLAlchemy wants it, with our driver. Raises BadInput for another database."""
    try:
        found = make_url(url)
    except ArgumentError as error:
        raise BadInput(
            "EARWITNESS_DATABASE_URL is no address of a database", remedy="postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from error
    if found.get_backend_name() not in {"postgresql", "postgres"}:
        raise BadInput(
            f"EARWITNESS_DATABASE_URL begins with {found.drivername!r}, and only postgresql:// is spoken",
            remedy="Leave it out for SQLite.",
        )
    return found.set(drivername=DRIVER).render_as_string(hide_password=False)


def shown(url: str) -> str:
    """The address for people: without the password."""
    return make_url(url).set(drivername="postgresql", query={}).render_as_string()


def engine(url: str) -> Engine:
    """An engine for an address. No connection is made yet. Raises Missing without the driver."""
    try:
        made = create_engine(
            url, connect_args={"connect_timeout": int(WAIT_S)}, pool_pre_ping=True, pool_size=8, max_overflow=16
        )
    except (ImportError, NoSuchModuleError) as error:
        raise Missing("PostgreSQL's driver is not installed", remedy="pip install 'earwitness[postgres]'") from error

    @event.listens_for(made, "begin")
    def _begun(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES, False):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(1000 * WAIT_S)}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return made


def notices(source: Engine, each_s: float) -> Iterator[bool]:
    """Whether another server wrote something, again and again: at once when it did, else after `each_s`.

    The first answer is yes, since nobody listened before. One connection is held all the while.
    Raises Busy when it is cut.
    """
    held = source.raw_connection()
    link = held.driver_connection
    assert link is not None
    held.detach()
    try:
        link.rollback()
        link.autocommit = True
        link.execute(f"LISTEN {CHANNEL}")
        yield True
        while True:
            yield any(True for _ in link.notifies(timeout=each_s, stop_after=1))
    except source.dialect.loaded_dbapi.OperationalError as error:
        raise Busy("the connection that listens was cut", retry_after_s=2.0) from error
    finally:
        link.close()


def emptied(source: Engine) -> bool:
    """Let the room of deleted rows be used again; it is overwritten then, and not before."""
    with source.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))
    return True


def damage(connection: Connection, tables: Sequence[str]) -> list[str]:
    """What of some tables can't be read, in sentences; with the extension amcheck their indexes are looked at too."""
    asked = [(f"the table {t}", text(f'SELECT sum(length(t::text)) FROM "{t}" t')) for t in tables]  # noqa: S608 - ours
    if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'")).scalar():
        names = connection.execute(text(INDEXES)).scalars().all()
        check = text("SELECT bt_index_check(to_regclass(:name), true)")
        asked += [(f"the index {name}", check.bindparams(name=name)) for name in names]
    found = list[str]()
    for what, query in asked:
        try:
            with connection.begin_nested():
                connection.execute(query).all()
        except DBAPIError as error:
            if connection.invalidated:
                raise
            found.append(f"{what} is damaged: {str(error.orig).strip().splitlines()[0]}")
    return found


def explained(error: DBAPIError, url: str) -> EarwitnessError:
    """An error of the database as one of ours."""
    code, name = str(getattr(error.orig, "sqlstate", None) or ""), shown(url)
    if isinstance(error, DataError):
        return BadInput("what is asked holds a character or a number that the database does not take")
    if code.startswith(WAITS):
        return Busy(f"the database {name} is held by others", retry_after_s=2.0)
    for starts, what, remedy in MEANINGS:
        if code.startswith(starts):
            return StorageFailed(f"the database {name} {what}", remedy=remedy)
    if not code or code.startswith(("08", "57P")):
        said = str(error.orig).strip().splitlines()
        return StorageFailed(
            f"the database {name} can't be reached: {said[0] if said else 'no answer'}",
            remedy="See that PostgreSQL runs there and EARWITNESS_DATABASE_URL is right.",
        )
    return StorageFailed(f"the database {name} does not answer as it should: {type(error.orig).__name__} {code}")
