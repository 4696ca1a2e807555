"""Networks assembled from `nn` and `moe`. They never read or write a file."""
