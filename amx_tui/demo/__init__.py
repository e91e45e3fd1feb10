"""A small real database with cryptic names, and a provider replayed behind httpx's transport."""
