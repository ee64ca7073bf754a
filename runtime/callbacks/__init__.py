"""Callbacks: what a server calls at its client while it serves the client's call (the attribute [callback]).

`line.py` is the server's end, `served.py` what a client serves, `channel.py` and `async_channel.py` the client's
channels in either face. Only LRPC carries them: in the connection-oriented protocol a server has no message that asks.
"""
