"""Models: what there is to load, loaded once, and shared through lanes."""
