"""Features: filter banks of waveforms, their statistics, augmentation and archives."""
