"""What runs for real: servers and processes."""
