"""Old logs and other trackers' exports are read faithfully."""
