"""Keys of another issuer, fetched from a real server. Needs httpx and uvicorn."""
