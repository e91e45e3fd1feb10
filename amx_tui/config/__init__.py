"""Profiles, connections, keys and folders; knows files and the keyring, nothing of databases or models."""
