"""Scorers that are added to a search: n-grams and boosted phrases."""
