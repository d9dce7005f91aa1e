"""Search: what the databases keep beside the segments, so that they find tokens at once.

SQLite splits only where tokens are split, at blanks: its `ascii` way takes every other character as it is. PostgreSQL's
own parser would go by the server's locale, so its vectors are made from the tokens directly, each at its place.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQLITE = (
    "CREATE VIRTUAL TABLE segment_fts USING fts5(tokens, content='segments', content_rowid='id', tokenize='ascii')",
    "CREATE VIRTUAL TABLE segment_terms USING fts5vocab('segment_fts', 'row')",
    """CREATE TRIGGER segment_fts_insert AFTER INSERT ON segments BEGIN
        INSERT INTO segment_fts(rowid, tokens) VALUES (new.id, new.tokens);
    END""",
    """CREATE TRIGGER segment_fts_delete AFTER DELETE ON segments BEGIN
        INSERT INTO segment_fts(segment_fts, rowid, tokens) VALUES ('delete', old.id, old.tokens);
    END""",
    """CREATE TRIGGER segment_fts_update AFTER UPDATE OF tokens ON segments WHEN old.tokens <> new.tokens BEGIN
        INSERT INTO segment_fts(segment_fts, rowid, tokens) VALUES ('delete', old.id, old.tokens);
        INSERT INTO segment_fts(rowid, tokens) VALUES (new.id, new.tokens);
    END""",
    "INSERT INTO segment_fts(segment_fts) VALUES ('rebuild')",
)

POSTGRESQL = (
    r"""CREATE FUNCTION segment_vector(tokens text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    BEGIN RETURN (SELECT coalesce(string_agg(
            '''' || replace(replace(left(word, 64), '\', '\\'), '''', '''''') || ''':' || place, ' '
        ), '')::tsvector
        FROM unnest(string_to_array(tokens, ' ')) WITH ORDINALITY AS told(word, place) WHERE word <> ''
    ); END $$""",
    "ALTER TABLE segments ADD COLUMN vector tsvector GENERATED ALWAYS AS (segment_vector(tokens)) STORED",
    "CREATE INDEX ix_segments_vector ON segments USING gin (vector)",
    'CREATE TABLE segment_terms (term text COLLATE "C" CONSTRAINT pk_segment_terms PRIMARY KEY)',
    """CREATE FUNCTION segment_terms_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO segment_terms SELECT DISTINCT word FROM unnest(string_to_array(NEW.tokens, ' ')) AS told(word)
        WHERE length(word) > 3 ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER segment_terms_kept AFTER INSERT OR UPDATE OF tokens ON segments
        FOR EACH ROW EXECUTE FUNCTION segment_terms_kept()""",
    """INSERT INTO segment_terms SELECT DISTINCT word FROM segments, unnest(string_to_array(tokens, ' ')) AS told(word)
        WHERE length(word) > 3""",
)

UNDO = {
    "sqlite": (
        *(f"DROP TRIGGER segment_fts_{what}" for what in ("insert", "delete", "update")),
        "DROP TABLE segment_terms",
        "DROP TABLE segment_fts",
    ),
    "postgresql": (
        "DROP TRIGGER segment_terms_kept ON segments",
        "DROP FUNCTION segment_terms_kept",
        "DROP TABLE segment_terms",
        "ALTER TABLE segments DROP COLUMN vector",
        "DROP FUNCTION segment_vector",
    ),
}


def upgrade() -> None:
    """Make the index, and take in what is there."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Remove it."""
    for statement in UNDO[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)
