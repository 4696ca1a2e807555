"""Model folders that `moeasr export` writes, run by onnxruntime without torch."""
