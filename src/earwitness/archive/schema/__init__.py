"""The tables. A change here needs a migration beside it and its number in `HEAD`; tests compare the three.

`python tools/migration.py WORDS` writes the migration.
"""

from earwitness.archive.schema import accounts, heard, people, work
from earwitness.archive.schema.base import Tables

HEAD = "0003"
"""The newest migration."""

__all__ = ["HEAD", "Tables", "accounts", "heard", "people", "work"]
