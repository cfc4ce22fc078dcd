"""The data plane: an HTTP server beside the agent that routes, relays and meters its turns."""
