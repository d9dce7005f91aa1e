"""Live recognition: sound comes in as it is heard, events go out.

`session` folds the sound of one source into events. `captions` drafts the open utterance. Knows no socket, no client's
protocol and no event loop: those are the doors' business.
"""
