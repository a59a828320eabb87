"""Decoding over a key-value cache with one slot a row: what the engine is made of."""
