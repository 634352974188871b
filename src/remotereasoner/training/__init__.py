"""Training scripts of the embedded parts: ``python -m remotereasoner.training.…``."""
