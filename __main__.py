"""`python -m greenloop`: the same entry point as the console script."""

from greenloop.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
