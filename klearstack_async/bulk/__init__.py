"""Thousands of documents: sources, uploads, waiting, and one outcome for each of them."""
