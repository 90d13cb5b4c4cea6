"""The floor, endpointing, barge-in and latency of a conversation, sans-IO."""
