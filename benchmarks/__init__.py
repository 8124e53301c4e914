"""Compare the speed of Tokenward with other libraries: ``nox -s bench``, or ``python -m benchmarks.run``."""
