"""What a probe found, in each format. One file a format; all of them read `record.py`'s record."""
