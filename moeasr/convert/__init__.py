"""Conversion of one model into another: initialisation, upcycling and densifying."""
