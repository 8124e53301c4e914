"""What is measured, part by part; each gives a `Report`."""
