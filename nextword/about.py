"""The version, in a file that imports nothing: `pyproject.toml`, checkpoints and `--version` read it here."""

__version__ = "0.1.0"
