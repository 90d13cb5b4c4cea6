"""One call: signaling, connection, agent or caller, recording."""
