"""`nextword`, and `python -m nextword`: the filter for editors, which has to start fast, or any other command."""

import os
import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    from nextword.line_filter import arguments_of, run

    arguments = arguments_of(sys.argv[1:], terminal=sys.stdin is None or os.isatty(sys.stdin.fileno()))
    if arguments is not None:
        sys.exit(run(arguments))
    from nextword.cli import main

    main()


if __name__ == "__main__":
    main()
