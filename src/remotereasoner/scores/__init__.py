"""Scores: pure functions of a prediction and the truth. Training pays by them and evaluation reports them."""
