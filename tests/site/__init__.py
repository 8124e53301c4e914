"""Tests of the built documentation site."""
