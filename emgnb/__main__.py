"""`python -m emgnb` is the same as `emgnb`."""

from emgnb.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
