"""Symbols: transcripts, units files and the tokenizer between them."""
