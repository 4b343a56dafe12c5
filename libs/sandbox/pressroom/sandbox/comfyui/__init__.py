"""A ComfyUI server: its HTTP routes, its WebSocket, and a machine that runs one graph at a time."""
