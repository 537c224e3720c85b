"""What people and schedulers run."""
