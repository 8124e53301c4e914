"""Tests of remote key sets with a real server. They need httpx and uvicorn."""
