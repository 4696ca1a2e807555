"""Corpora: downloads and archives, before there is a data directory."""
