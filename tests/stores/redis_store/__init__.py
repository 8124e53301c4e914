"""The tests of RedisStore, by topic."""
