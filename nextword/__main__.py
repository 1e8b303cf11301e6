"""`python -m nextword`: the same as the command `nextword`."""

from nextword.cli import main

if __name__ == "__main__":
    main()
