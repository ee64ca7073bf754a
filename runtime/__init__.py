"""The runtime: what carries a call."""
