"""`nextword`, and `python -m nextword`: the filter for editors, which has to start fast, or any other command."""

import atexit
import codecs
import gc
import io
import os
import sys

_COMPLETION = "_NEXTWORD_COMPLETE"  # set by a shell that asks for completions
_OPTIONS = ("--help", "--version", "--install-completion", "--show-completion")  # options of `nextword` itself


def filter_arguments(arguments: list[str], terminal: bool) -> list[str] | None:
    """What a command line gives the filter; None where it is another command, or where help is wanted.

    Args:
        arguments: All that follows `nextword`.
        terminal: Whether stdin is one.
    """
    first = arguments[0] if arguments else ""
    if first == "filter":
        return None if "--help" in arguments else arguments[1:]
    if terminal or _COMPLETION in os.environ or first.startswith(_OPTIONS) or (first and not first.startswith("-")):
        return None
    return arguments


def _write_any_text() -> None:
    """Let stdout and stderr take every character: as UTF-8 in a file or pipe, on a terminal as it is or escaped.

    Halves of characters, which names of files may have, are escaped everywhere. JSON and its readers know the escapes.
    """
    codecs.register_error("nextword", _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="nextword")


def _escape(error: UnicodeError) -> tuple[str, int]:
    r"""What stands for characters that cannot be encoded, such as \u00fc, and where they end."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)), error.end


def _look_for_garbage() -> None:
    """Have it collected, but not among the many objects of modules, which stay, nor once more when the program ends."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    gc.disable()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started this, as with `>&-`
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for the whole process
    _write_any_text()
    arguments = filter_arguments(sys.argv[1:], terminal=os.isatty(sys.stdin.fileno()))
    if arguments is not None:
        from nextword.interactive.editor_filter import run

        _look_for_garbage()
        sys.exit(run(arguments))
    from nextword.cli.main import main

    _look_for_garbage()
    main()


if __name__ == "__main__":
    main()
