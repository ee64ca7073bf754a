"""Calls with IDL pipes, whose parameters travel piece by piece while both sides run (C706 14.3.9, 5.1.4).

Named pipes, which carry whole calls, are `transports/pipe/`. `piping.py` has what both sides share; a client's calls
are `pipe_call.py` and its twin for asyncio, a server's `piped_calls.py`.
"""
