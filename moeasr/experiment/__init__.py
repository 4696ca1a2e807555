"""One experiment: its YAML file, its data, and the metadata in its checkpoints.

This package combines the others for training. Only entry points import it.
"""
