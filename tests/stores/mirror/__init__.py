"""Tests of `MirroredStore`."""
