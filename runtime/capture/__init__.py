"""See the wire: what travels, written to a pcapng file that stock Wireshark decodes.

The map: `capturing.py` decides whether, and puts a `tap.py` on each
connection (`tapped.py`), between an engine and its transport; `stream.py` cuts octets into
PDUs, `translation.py` makes PDUs of LRPC messages; each PDU becomes an *exported PDU* (`exported.py`) in a *block*
(`pcapng.py`), which `file.py` appends to the file. `calls.py` reads such a file back as calls; `verb.py` is
`lrpc capture`.

Law: a capture never fails a call; a file that cannot be written to any more is given up, with a line in the log.
"""
