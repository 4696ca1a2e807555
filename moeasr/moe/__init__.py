"""Mixture of experts: router -> dispatch -> experts -> combine, with losses and statistics.

Inside this package, (B, T) is flattened to N valid frames, and names carry their shapes: `x_ND`,
`probs_NE`.
"""
