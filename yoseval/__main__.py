"""``python -m yoseval``."""

from yoseval.cli import main

if __name__ == "__main__":
    main()
