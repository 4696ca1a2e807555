"""The tables of Kaldi data directories on disk: readers and writers."""
