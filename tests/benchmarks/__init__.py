"""Tests of the parts of the benchmarks that do not measure."""
