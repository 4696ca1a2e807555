"""Encoders: their interface, and encoders of Conformer and Transformer blocks."""
