"""Heads: what reads an encoder's output, and has a loss of its own."""
