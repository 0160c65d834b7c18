"""Searchers that are libraries of Python; harness/search/searchers/ehvi.cpp talks to them."""
