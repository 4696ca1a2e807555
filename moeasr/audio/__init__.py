"""Audio: from an entry of `wav.scp` to samples and durations."""
