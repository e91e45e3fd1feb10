"""The commands as plain text, for scripts and for those whom a full screen keeps out; knows no screen."""
