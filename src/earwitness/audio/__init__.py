"""Sound on its way in: one clock, one decoder."""
