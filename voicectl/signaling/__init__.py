"""One file a signaling dialect, client and server side."""
