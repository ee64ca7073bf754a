"""Stubs of the interfaces that the runtime itself calls and serves, generated from `idl/`."""
