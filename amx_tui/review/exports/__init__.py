"""Makes files of decided texts or of the whole catalog: pure functions from values to text."""
