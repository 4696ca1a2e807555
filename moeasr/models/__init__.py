"""Networks assembled from `nn` and `moe`. Never see a file."""
