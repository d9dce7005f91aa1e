"""Stages: plain functions from sound to text and from text to better text, the same for files and live sources.

A stage is a map (`value -> value`) or a fold (`(state, audio) -> (state, results)`). Stages know the Protocols of parts
and engines, never a concrete one.
"""
