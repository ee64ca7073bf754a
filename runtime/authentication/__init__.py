"""Who calls over a network: NTLM, Kerberos and Negotiate, by pyspnego. Where the kernel says who calls, nothing of it.

`credentials.py` and `security.py` are what a client says, `authenticator.py` and `accounts.py` what a server takes;
`package.py` makes a context of pyspnego what the engine asks for (`ncacn/security.py`). pyspnego is imported when the
first context is made.
"""
