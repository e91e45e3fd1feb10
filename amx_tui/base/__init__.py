"""Leaves that any room may use; they know nothing of the product."""
