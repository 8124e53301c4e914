"""The tests of Tokenward."""
