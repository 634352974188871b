"""Samples, and the data that comes with the package: the question bank."""
