"""The octets of messages: PORT_MESSAGE, its attributes, frames, batches of them, and what two ends tell each other."""
