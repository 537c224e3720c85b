"""`link-archiver init`."""

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
def command(directory: Path) -> int:
    """Write a commented config.toml into DIRECTORY; nothing is overwritten.

    \b
    Example:
      link-archiver init
      link-archiver init ~/.config/link-archiver
    """  # noqa: D301 - click's mark is the character
    from archiver.config_sample import sample_config
    from archiver.errors import ConfigError
    from jobs.cli.output import show

    path = directory / "config.toml"
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(sample_config())
    except FileExistsError:
        raise ConfigError(f"{path} is there already: edit it, or name another folder") from None
    except OSError as error:
        raise ConfigError(f"can't write {path}: {error.strerror}") from None
    show(
        f"Wrote {path}. Next: enter your account there, put its password into the file that it "
        f"names,\nthen `link-archiver --config {path} check`."
    )
    return 0
