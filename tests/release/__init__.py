"""Tests of what surrounds the code: the hooks, the checks of a release, and what is published."""
