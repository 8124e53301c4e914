"""Revocation checks, store outages, refresh token rotation and sealing.

Nothing is public here: the engine's methods use it.
"""
