"""Telling voices apart: networks and arithmetic that the diarizer beside this room is put together from.

`library` is the one file that reaches into another package. `frames` runs the networks, `clusters` sorts embeddings
into speakers, `timeline` makes turns. None of them knows a file, a door or a recognised word.
"""
