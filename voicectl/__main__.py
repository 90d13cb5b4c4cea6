"""`python -m voicectl` is `voicectl`."""

from voicectl.cli import main

main()
