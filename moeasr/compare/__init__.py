"""A list of systems, each trained, decoded and scored with several seeds by its recipe."""
