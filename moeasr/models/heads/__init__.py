"""Heads: networks on the encoder output, each with its own loss."""
