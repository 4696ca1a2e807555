"""Encoders: the seam, and the Conformer and Transformer blocks that make one."""
