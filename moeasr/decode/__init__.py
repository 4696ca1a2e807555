"""Searches that turn encoder output into hypotheses, and the recognizer that runs them."""
