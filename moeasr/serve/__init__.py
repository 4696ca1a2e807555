"""A server for a model folder: live streams, uploaded files and a page, without torch."""
