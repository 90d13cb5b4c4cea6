"""Sound cards and WAV files."""
