"""Data preparation and model import for assay. Run as `python -m assay_tools <command>`."""
