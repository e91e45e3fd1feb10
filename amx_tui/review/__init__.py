"""Keeps suggestions, decisions and what was written; renders exports; knows no network and no screen."""
