"""What all Whisper engines share: the vocabulary and its prompts, and how decoded tokens become segments and words.

Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022 (arXiv 2212.04356), section
2.3 and the multitask format of its figure 1. Knows no runtime.
"""

WINDOW_S = 30.0
"""What the encoder hears at once."""

STAMP_S = 0.02
"""From one time stamp to the next."""

MOST_TOKENS = 224
"""Half of the decoder's context: what it may write; as much again is kept for a prompt."""

AGAIN = "Fetch or convert the model again, with --replace: `earwitness models --help`."
"""What to do about a model that does not load."""
