"""Who asks, and how people are added, named and signed in."""
