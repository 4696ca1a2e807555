"""Streaming recognition: results while the audio is still arriving."""
