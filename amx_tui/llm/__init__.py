"""Speaks with a provider: one request in, typed events out; knows nothing of columns or suggestions."""
