"""A command whose standard error is a terminal."""

import os
import pty
import subprocess


def on_terminal(command):
    """Run a command that must succeed; return its standard output, and the text on the terminal."""
    master, slave = pty.openpty()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, text=True, timeout=120)
    os.set_blocking(master, False)
    shown = os.read(master, 100_000).decode()
    os.close(slave)
    os.close(master)
    assert done.returncode == 0, shown
    return done.stdout, shown
