"""The HTTP surface as others' tools see it: linters, fuzzers and generators of clients."""
