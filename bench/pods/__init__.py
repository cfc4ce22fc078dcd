"""What an injected sidecar costs a pod, and how fast a change reaches it, on a real node."""
