"""Scenes larger than the policy's view: an overview, windows with overlap, and one answer out of theirs.

:func:`remotereasoner.tiling.survey.survey` is what :meth:`remotereasoner.reasoner.Reasoner.survey` calls.
"""
