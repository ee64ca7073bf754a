"""lrpc."""
