"""Options that several entry points have in common."""
