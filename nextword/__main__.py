"""`nextword`, and `python -m nextword`: the filter for editors, which has to start fast, or any other command."""

import os
import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started this, as with `>&-`
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for the whole process
    from nextword.interactive.editor_filter import arguments_of, run

    arguments = arguments_of(sys.argv[1:], terminal=os.isatty(sys.stdin.fileno()))
    if arguments is not None:
        sys.exit(run(arguments))
    from nextword.cli.main import main

    main()


if __name__ == "__main__":
    main()
