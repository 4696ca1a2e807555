"""From encoder outputs to hypotheses: the searches, and the recognizer that ties them together."""
