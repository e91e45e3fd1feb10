"""Documents and code that tell what a column means: read, cut into passages, found again. All local."""
