"""What a connection contains, and how an accepted text gets back into it; knows no model and no screen."""
