"""`python -m earwitness` is the command `earwitness`."""

from earwitness.cli import main

if __name__ == "__main__":
    main()
