"""The work behind utils/*.sh: validate, fix, split, subset and combine data directories.

Standard library only where possible, so that the scripts start at once.
"""
