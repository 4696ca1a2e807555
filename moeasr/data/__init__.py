"""Turn the utterances of data directories into batches of features, independently of any model."""
