"""Samba's tests of raw PDUs, which Debian's python3-samba has, against a server on TCP; a line of JSON for each test.

    samba_raw.py HOST DOMAIN USER PASSWORD [PART-OF-A-NAME ...]

{"test", "group", "outcome": "right" | "wrong" | "left out", "why"}. The group is what the test was seen to need:
"smb" (a pipe), "epm" (another port, by the mapper), and else the authentication that its binds had.

Runs in the Python that Debian's python3-samba is for, which is another than the tests'; imports nothing of theirs.
The server has the endpoint mapper and the management interface on port 135. The environment names the files of
configuration: SMB_CONF_PATH and KRB5_CONFIG, and for Kerberos TARGET_HOSTNAME and REALM.
"""

import io
import json
import os
import sys
import unittest

MECHANISMS = {0: "anon", 9: "spnego", 10: "ntlm", 16: "krb5"}
MAPPER = "135"
MOST_CONTEXTS = 8
"""Security contexts a connection that the server has at most."""


def configure(host, domain, user, password):
    """What the tests read from the environment."""
    os.environ.update(
        SERVER=host,
        TARGET_HOSTNAME=os.environ.get("TARGET_HOSTNAME", host),
        DOMAIN=domain,
        REALM=os.environ.get("REALM", domain + ".TEST"),
        USERNAME=user,
        PASSWORD=password,
        MAX_NUM_AUTH=str(MOST_CONTEXTS),
    )


def watch(case, seen):
    """Have `seen` say where a test connects and how it binds."""
    connect, generate = case.connect, case.generate_auth

    def connecting(self):
        if self.primary_address != MAPPER:
            seen.add("smb" if self.primary_address.startswith("\\") else "epm")
        return connect(self)

    def generating(self, *arguments, **named):
        kind = named.get("auth_type", arguments[0] if arguments else None)
        seen.add(MECHANISMS.get(kind or 0, "other"))
        return generate(self, *arguments, **named)

    case.connect, case.generate_auth = connecting, generating


def group(name, seen):
    """What a test needs of a server. One for Kerberos may end before it binds."""
    if "_krb5_" in name:
        return "krb5"
    return next((need for need in ("smb", "krb5", "spnego", "ntlm", "other", "epm") if need in seen), "anon")


def run(test, seen):
    """One test; what came of it."""
    result = unittest.TestResult()
    seen.clear()
    stderr, sys.stderr = sys.stderr, io.StringIO()  # they talk about timeouts
    try:
        test.run(result)
    finally:
        sys.stderr = stderr
    failed = result.failures + result.errors
    outcome = "wrong" if failed else "left out" if result.skipped else "right"
    why = failed[0][1].strip().splitlines()[-1] if failed else ""
    name = test.id().rpartition(".")[2]
    return {"test": name, "group": group(name, seen), "outcome": outcome, "why": why}


def main(host, domain, user, password, *names):
    configure(host, domain, user, password)
    from samba.tests.dcerpc import raw_protocol, raw_testcase

    seen = set()
    watch(raw_testcase.RawDCERPCTest, seen)
    for test in unittest.TestLoader().loadTestsFromTestCase(raw_protocol.TestDCERPC_BIND):
        if not names or any(part in test.id().rpartition(".")[2] for part in names):
            print(json.dumps(run(test, seen)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
