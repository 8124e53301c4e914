"""The stores: one contract for all, and tests of each store."""
