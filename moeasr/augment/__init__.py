"""Augmentation: random changes of training utterances, made when they are read."""
