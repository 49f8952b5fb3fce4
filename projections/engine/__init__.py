"""Events in, rows out: one projector folds every projection in one transaction per batch."""
