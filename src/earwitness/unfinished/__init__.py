"""What long work leaves on disk on its way, so that the same work, started again, goes on from there.

`journal` writes records that are there whole or not at all, `pages` says what is in one, `trail` follows a run and
makes them, `checkpoint` is what a door hands to `batch`: where the journals of one recording lie. Keeps words,
embeddings and numbers; never sound, and never a pickle.
"""
