"""Data that comes with the package: the question bank."""
