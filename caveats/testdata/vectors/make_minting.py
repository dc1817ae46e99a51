#!/usr/bin/env python3
"""Prints minting.json, made without any code of this repository.

The chain of signatures is computed by hand from Python's hmac, and every token
is made a second time by pymacaroons; the two have to agree. Run it as

    /usr/bin/python3 make_minting.py > minting.json
"""

import hashlib
import hmac
import json
import sys

import pymacaroons

LOCATION = "packages.example.org"
USER = "00000000-0000-4000-8000-0000000000aa"
PROJECT = "00000000-0000-4000-8000-0000000000bb"
OTHER = "00000000-0000-4000-8000-0000000000bc"


def wire(*elements):
    """The canonical wire form: what json.dumps writes without white space."""
    return json.dumps(list(elements), separators=(",", ":"))


def key(seed):
    return hashlib.sha256(b"rind minting vector " + seed.encode()).digest()


def identifier(n):
    return "01900000-0000-7000-8000-%012x" % n


CASES = [
    ("a user's token", key("user"), LOCATION, [wire(3, USER)]),
    ("a user's token that expires", key("expires"), LOCATION, [wire(3, USER), wire(0, 1800003600, 1799999940)]),
    ("a project's token", bytes(range(32)), LOCATION,
     [wire(3, USER), wire(1, ["demo"]), wire(2, [PROJECT]), wire(0, 1800003600, 1799999940)]),
    ("a token for two projects", key("two"), LOCATION,
     [wire(3, USER), wire(1, ["demo", "other"]), wire(2, [PROJECT, OTHER])]),
    ("every kind of caveat", key("all"), LOCATION,
     [wire(3, USER), wire(1, ["demo"]), wire(2, [PROJECT]), wire(0, 1800003600, 1799999940),
      wire(100, ["1.0", "2.0+local"]), wire(101, ["demo-1.0.tar.gz", "d\u00e9mo-\U0001f9c0.whl", "a\"b\\c"]),
      wire(102, [hashlib.sha256(b"").hexdigest()]), wire(103, ["203.0.113.0/24", "2001:db8::/32"]),
      wire(104, ["upload", "create"])]),
    ("a caveat whose length takes two bytes", key("long"), LOCATION, [wire(101, ["x" * 119]), wire(101, ["x" * 120])]),
    ("white space is the minter's and is kept", key("space"), LOCATION, ["[3, \"" + USER + "\"]", " [ 1 , [ \"demo\" ] ] "]),
    ("a short location", key("short"), "x", [wire(3, USER)]),
    ("a location with a port", key("port"), "localhost:8080", [wire(3, USER)]),
    ("a root key of zeros", bytes(32), LOCATION, [wire(3, USER)]),
    ("the largest life", key("life"), LOCATION, [wire(3, USER), wire(0, 2**63 - 1, -(2**63))]),
    ("64 caveats", key("many"), LOCATION, [wire(0, 1800000000 + i, 0) for i in range(64)]),
]


def chain(root_key, ident, caveats):
    """The signature after the identifier, and after each caveat."""
    def mac(k, message):
        return hmac.new(k, message, hashlib.sha256).digest()

    signatures = [mac(mac(b"macaroons-key-generator", root_key), ident.encode())]
    for caveat in caveats:
        signatures.append(mac(signatures[-1], caveat.encode()))
    return [s.hex() for s in signatures]


def case(n, name, root_key, location, caveats):
    ident = identifier(n)
    m = pymacaroons.Macaroon(location=location, identifier=ident, key=root_key, version=pymacaroons.MACAROON_V2)
    for caveat in caveats:
        m.add_first_party_caveat(caveat)
    signatures = chain(root_key, ident, caveats)
    assert m.signature == signatures[-1], name
    return {
        "name": name, "root_key_hex": root_key.hex(), "identifier": ident, "location": location, "caveats": caveats,
        "chain_hex": signatures, "signature_hex": signatures[-1], "token": "pypi-" + m.serialize(),
    }


def main():
    json.dump({
        "comment": "Tokens made by make_minting.py with pymacaroons. README.md in this folder describes the format.",
        "cases": [case(n, *c) for n, c in enumerate(CASES)],
    }, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
