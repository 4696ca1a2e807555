"""One experiment: the YAML that describes it, the data it is given, what its checkpoints carry.

This is where the rooms meet on the way to training; only entry points import it.
"""
