"""How everything that runs without being asked behaves."""
