"""Tests of the adapters: one contract for all, and tests for each framework."""
