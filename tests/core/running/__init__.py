"""A running engine: its background tasks, and how it closes."""
