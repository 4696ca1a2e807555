"""The training procedure: optimizer, schedule, checkpoints, loop. Knows no speech."""
