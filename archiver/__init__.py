"""What an archiver knows: windows, identity, the engine, the sources."""

__version__ = "0.1.0"
