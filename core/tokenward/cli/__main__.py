"""``python -m tokenward.cli``, for when the command is not on the path."""

from tokenward.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
