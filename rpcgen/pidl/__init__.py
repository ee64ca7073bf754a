"""Samba's dialect of IDL, pidl: a translation of its syntax tree to the one that the binder knows.

`words` has its types, attributes and flags, `expressions` what its expressions say in C706's terms, `translation` the
walk over a file. What only Samba's NDR has becomes words of `runtime/ndr/layout_samba.py`; what lrpc does not encode
becomes a `Refused` type, so that whatever holds it is left out of the stub with a warning, and nothing goes wrong in
silence.
"""
