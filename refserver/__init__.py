"""The API side of the services: an independent implementation, for tests and for trying out."""
