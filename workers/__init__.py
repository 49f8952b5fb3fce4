"""Everything that runs without being asked."""
