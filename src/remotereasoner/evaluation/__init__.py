"""Judging a policy on samples: asking, scoring, comparing, reporting. The scores themselves are in ``scores``."""
