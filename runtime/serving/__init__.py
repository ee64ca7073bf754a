"""What servers are made of.

    face               Serving: what the blocking and the asyncio face have in common
    crew               the threads of a blocking server
    guests             who is connected: counted in, counted out, and the limits on that
    connection_threads a thread for each connection
    leader_follower    a few threads for all connections
    workers            processes that share the endpoints
    door               whom the accepting keeps out
    room               how an answer waits until its client reads, in asyncio
    loop_readers       what an asyncio server reads its connections by
    loop_watch         tells of a loop that is blocked
    signals            SIGTERM
The faces themselves are `runtime/server.py` and `runtime/async_server.py`.
"""
