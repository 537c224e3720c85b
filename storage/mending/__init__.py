"""A day of a store as a whole: read whatever its state, and made what it should be."""
