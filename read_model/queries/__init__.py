"""The questions put to the tables, one module per subject; every one is asked for one tenant."""
