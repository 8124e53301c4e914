"""Tests of the code in the documents."""
