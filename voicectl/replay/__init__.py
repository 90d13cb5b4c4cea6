"""Plays a capture, a recording or a trace through the real pipeline on a virtual clock."""
