"""The stores: one contract, and what is each one's own."""
