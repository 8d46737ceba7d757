"""Run the `emgnb` command as `python -m emgnb`."""

from emgnb.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
