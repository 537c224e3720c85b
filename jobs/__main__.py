"""`python -m jobs` is `link-archiver`."""

from jobs.cli import main

if __name__ == "__main__":
    main()
