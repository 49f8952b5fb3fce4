"""The tables, the cache, and the questions put to them."""
