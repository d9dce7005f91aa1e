"""Hardware: what is in this machine, and how runtimes are opened on it."""
