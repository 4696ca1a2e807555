"""Mixture of experts: router -> dispatch -> experts -> combine, its losses and its statistics.

Inside this room (B, T) is folded to N valid frames, and names carry their shapes: `x_ND`,
`probs_NE`.
"""
