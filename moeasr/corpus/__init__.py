"""Corpora: downloads, archives and common forms, before there is a data directory."""
