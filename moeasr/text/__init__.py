"""Text: transcripts, units, tokenizers and n-gram language models."""
