"""Searches, alignments and scores based on CTC outputs."""
