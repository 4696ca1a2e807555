"""The implementation of utils/*.sh: validate, fix, split, subset and combine data directories.

These modules import only the standard library where possible, so that the scripts start quickly.
"""
