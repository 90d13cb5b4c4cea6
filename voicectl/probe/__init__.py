"""Which leg of STUN, TURN or ICE fails, and why."""
