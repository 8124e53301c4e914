"""Tests of the fuzz targets, without a fuzzer."""
