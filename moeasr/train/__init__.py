"""The training procedure: optimizer, schedule, checkpoints and loop, independent of speech."""
