"""The adapters: one contract, and what is each framework's own."""
