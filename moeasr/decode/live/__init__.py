"""Recognition while the audio still arrives."""
