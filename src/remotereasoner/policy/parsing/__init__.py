"""From a model's text to an :class:`~remotereasoner.policy.answer.Answer`: small pure functions, one dialect a file.

Nothing here evaluates text, recurses with it or takes more than linear time in it.
"""

from remotereasoner.policy.parsing.limits import ParseLimits
from remotereasoner.policy.parsing.parse import parse_completion

__all__ = ["ParseLimits", "parse_completion"]
