"""What Tokenward costs beside others: ``nox -s bench``, or ``python -m benchmarks.run`` from the root of the checkout."""
