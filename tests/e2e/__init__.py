"""Tests with real servers, browsers and processes."""
