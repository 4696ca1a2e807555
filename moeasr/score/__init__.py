"""Scoring: error rates of hypotheses, their confidence intervals, and tables of results."""
