"""Job runners with the call form of Kaldi: on this machine, on others, and on clusters."""
