"""What servers are made of.

    face               Serving: what the blocking and the asyncio face have in common
    crew               the threads of a blocking server
    guests             who is connected: counted in, counted out, and the limits on that
    connection_threads a thread for each connection
    leader_follower    a few threads for all connections
The faces themselves are `runtime/server.py` and `runtime/async_server.py`.
"""
