"""From the utterances of data directories to batches of features. Never sees a model."""
