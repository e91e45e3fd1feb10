"""Turns a scope into batches, prompts and suggestions; knows no screen, no file format and no SQL."""
