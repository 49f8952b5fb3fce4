"""Service accounts that ask with a key: what each may do, and until when."""
