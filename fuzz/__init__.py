"""Coverage-guided fuzzing with Atheris: one target for each kind of untrusted input.

Each module ``fuzz_*.py`` has a function ``check``, which takes any bytes and raises if Tokenward does
something that it must not do, and a function ``seeds``, which returns inputs to begin with.
"""
