"""Clients that are generated from the OpenAPI documents of the examples."""
