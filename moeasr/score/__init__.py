"""From hypotheses to error rates, their confidence intervals, and results tables."""
