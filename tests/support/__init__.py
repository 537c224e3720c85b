"""What several tests need: a service with known clicks, and an archive to hold against it."""
