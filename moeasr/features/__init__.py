"""Signals: waveform to filter banks, their statistics and augmentation. Arrays in, arrays out."""
