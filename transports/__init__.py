"""Moving messages between processes; knows nothing of RPC and imports nothing of the package.

The map:
    seam           what every transport is: Connection, Listener, Peer, and the contract they keep
    errors         the one family of exceptions, each an NT status
    memory         inside one process, no sockets        } each has `connect(address, timeout)`
    tcp            a byte stream, loopback by default    } and `listen(address)`
    pipe           local named pipes in message mode     }
    alpc           ports, messages, sections             }
    namespace      object names: making, finding, listing what they stand for
                   object_names: their parts; directories: the files of a root; claim: holding a name;
                   listing: what there is; sessions: what each session has for itself
    unix           the AF_UNIX sockets under pipe and alpc
    sockets        waits bounded by the kernel, and accepting
    security       SIDs, SDDL, tokens, access checks: who may connect
    asynchronous   the asyncio face of any of them
"""
