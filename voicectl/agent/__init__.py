"""The embedded agent and the adapters of STT, LLM and TTS."""
