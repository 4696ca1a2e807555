"""The way from data directories to batches of features, independent of any model."""
