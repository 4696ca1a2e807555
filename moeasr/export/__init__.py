"""Export of trained models to the files of other runtimes."""
