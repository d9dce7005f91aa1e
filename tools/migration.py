"""Writes the migration that leads from the newest one to the tables as they are described.

    python tools/migration.py people have colours

Look at what it wrote: Alembic takes a column that got another name for a new one. Then set `HEAD`.
"""

import re
import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations.ops import DowngradeOps, UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from earwitness.archive import database
from earwitness.archive.schema import Tables
from earwitness.archive.search.index import COMPARED

PAGE = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    {upgrade}


def downgrade() -> None:
    """Remove them."""
    {downgrade}
'''


def main(words: list[str]) -> None:
    """Write it."""
    folder = database.MIGRATIONS / "versions"
    before = max(path.name[:4] for path in folder.glob("[0-9]*.py"))
    revision = f"{int(before) + 1:04}"
    with tempfile.TemporaryDirectory() as scratch:
        engine = create_engine(f"sqlite:///{Path(scratch) / 'before.db'}")
        with engine.begin() as connection:
            database.migrate(connection)
            found = produce_migrations(MigrationContext.configure(connection, opts=dict(COMPARED)), Tables.metadata)
    assert isinstance(found.upgrade_ops, UpgradeOps)
    assert isinstance(found.downgrade_ops, DowngradeOps)
    page = PAGE.format(
        title=" ".join(words).capitalize(),
        revision=revision,
        before=before,
        upgrade=render_python_code(found.upgrade_ops),
        downgrade=render_python_code(found.downgrade_ops),
    )
    page = re.sub(r"\n +# ###.*", "", re.sub(r"(?:batch_)?op\.f\(('[^']*')\)", r"\1", page)).replace("# ###", "#")
    path = folder / f"{revision}_{'_'.join(words)}.py"
    path.write_text(page)
    print(path)


if __name__ == "__main__":
    main(sys.argv[1:] or sys.exit(__doc__))
