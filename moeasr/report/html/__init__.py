"""The report of experiments as one self-contained HTML page."""
