"""Profiles and traces of the simulated network."""
