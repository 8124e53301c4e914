"""Tests of what threads may share; without the GIL (`PYTHON_GIL=0`) they run in parallel."""
