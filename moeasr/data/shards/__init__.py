"""Shards: uncompressed tar files of audio and transcripts in WeNet's format."""
