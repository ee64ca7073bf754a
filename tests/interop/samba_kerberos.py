"""Samba's client with Kerberos at an rpcecho, in the Python of Debian's python3-samba; imports nothing of ours.

Words: port, user@REALM, password, then options of a binding such as `krb5,seal`, each a case. A line of JSON for each:
{"case", "why"}, why empty where every call was right.
"""

import json
import sys

from samba import credentials, param
from samba.dcerpc import echo


def calls(binding, loaded, user):
    client = echo.rpcecho(binding, loaded, user)
    data = list(range(256)) * 300
    found = [client.AddOne(41), client.EchoData(data) == data, client.SourceData(3), client.TestCall("café")]
    return "" if found == [42, True, [0, 1, 2], "café"] else f"{found!r:.200}"


def main(port, principal, password, *cases):
    loaded = param.LoadParm()
    loaded.load_default()
    name, _, realm = principal.partition("@")
    for case in cases:
        user = credentials.Credentials()
        user.guess(loaded)
        user.set_username(name)
        user.set_password(password)
        user.set_realm(realm)
        user.set_kerberos_state(credentials.MUST_USE_KERBEROS)
        try:
            why = calls(f"ncacn_ip_tcp:127.0.0.1[{port},{case},target_hostname=localhost]", loaded, user)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        print(json.dumps({"case": case, "why": why}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
