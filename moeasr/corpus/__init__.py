"""Corpora: downloads, archives and corpus forms, before there is a data directory."""
