"""WebRTC on aiortc and aioice, the audio path given to the native engine."""
