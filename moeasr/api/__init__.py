"""The Python interface: `moeasr.load` and what it returns."""
