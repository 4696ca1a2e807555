"""Data: Kaldi data directories in, batches of feature tensors out. Never sees a model."""
