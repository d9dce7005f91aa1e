"""The archive: what is kept in the database. So far that is people and their voices.

`schema` holds the tables, `migrations` how they came about, `database` opens the file and keeps it well, `people` is
what is done with it, `likeness` compares voices, `naming` lays names over speakers. Knows types and errors; of engines,
recordings and wires it knows nothing. Speaks SQL that SQLite and PostgreSQL both understand; what SQLite needs beside
it stands in `sqlite`.
"""
