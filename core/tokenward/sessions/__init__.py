"""Revocation checks, store outages, refresh token rotation and sealing.

Nothing here is public: use the methods of the engine.
"""
