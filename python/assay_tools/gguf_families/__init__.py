"""Architectures of GGUF files that are imported: one module each, named as the file names it."""
