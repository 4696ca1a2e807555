"""Searches and scores over the output of CTC."""
