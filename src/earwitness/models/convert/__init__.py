"""Converters: a Whisper checkpoint as Hugging Face keeps it becomes what a runtime reads. One file a format.

They need numpy and safetensors, and the target's own package where it writes the format; none needs torch. Each writes
into an empty folder that the caller puts in place when it is done. They know no engine and no model directory.
"""
