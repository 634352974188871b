"""Engines: each runs a policy behind the protocol :class:`remotereasoner.policy.base.Engine`.

Use :func:`remotereasoner.policy.load.load_engine`, which imports only the one that is asked for.
"""
