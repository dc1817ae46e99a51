#!/usr/bin/env python3
"""Prints forms.json, made without any code of this repository.

Each case is a token to which its holder added one caveat with pymacaroons. Most of
those caveats hold a value that could match no request because of its form. Run it as

    /usr/bin/python3 make_forms.py > forms.json
"""

import json
import sys

import pymacaroons

LOCATION = "packages.example.org"
IDENTIFIER = "01900000-0000-7000-8000-000000000001"  # as in tokens.json
KEY = bytes(range(32))
NOW = 1800000000
USER = "00000000-0000-4000-8000-0000000000aa"
PROJECT = "00000000-0000-4000-8000-0000000000bb"
DIGEST = "ab" * 32
FILE = "demo-1.0.tar.gz"

LIFE, NAMES, IDS, OWNER, VERSIONS, FILES, DIGESTS, NETWORKS, ACTIONS = 0, 1, 2, 3, 100, 101, 102, 103, 104
MALFORMED = "malformed_caveat"

REQUEST = {
    "action": "upload", "project": "demo", "project_id": PROJECT, "version": "1.0", "filename": FILE,
    "sha256": DIGEST, "client_ip": "203.0.113.9", "now": NOW,
}

# name, tag, value, reason ("" allows), and what of the request is different
CASES = [
    ("project name that is no name", NAMES, ["de mo"], MALFORMED, {}),
    ("project name that is no name beside one that matches", NAMES, ["demo", "-x"], MALFORMED, {}),
    ("project name that is empty", NAMES, ["demo", ""], MALFORMED, {}),
    ("project name with a letter that folds to another", NAMES, ["demo", "\u212a"], MALFORMED, {}),
    ("project name in upper case", NAMES, ["Demo"], "wrong_project", {}),
    ("project name in upper case beside one that matches", NAMES, ["Demo", "demo"], "", {}),
    ("project name with an underscore", NAMES, ["de_mo"], "wrong_project", {"project": "de-mo"}),
    ("project id in upper case", IDS, [PROJECT.upper()], MALFORMED, {}),
    ("project id in braces beside one that matches", IDS, [PROJECT, "{%s}" % PROJECT], MALFORMED, {}),
    ("project id without dashes", IDS, [PROJECT.replace("-", "")], MALFORMED, {}),
    ("project id that is a name", IDS, ["demo"], MALFORMED, {}),
    ("project id that is empty", IDS, [PROJECT, ""], MALFORMED, {}),
    ("project ids, none", IDS, [], "wrong_project", {}),
    ("user id in upper case", OWNER, USER.upper(), MALFORMED, {}),
    ("user id that is a name", OWNER, "ada", MALFORMED, {}),
    ("user id that is empty", OWNER, "", MALFORMED, {}),
    ("user id of somebody else", OWNER, PROJECT, "wrong_user", {}),
    ("version that is none", VERSIONS, ["one"], MALFORMED, {"version": "one"}),
    ("version with a star beside one that matches", VERSIONS, ["1.0", "1.*"], MALFORMED, {}),
    ("version that is a specifier", VERSIONS, ["==1.0"], MALFORMED, {}),
    ("version that is empty", VERSIONS, [""], MALFORMED, {"version": ""}),
    ("version in another spelling", VERSIONS, [" V1.0.0\n"], "", {}),
    ("versions, none", VERSIONS, [], "wrong_version", {}),
    ("file name that is empty", FILES, [""], MALFORMED, {"filename": ""}),
    ("file name with a folder", FILES, ["dist/" + FILE], MALFORMED, {}),
    ("file name with a folder beside one that matches", FILES, [FILE, "dist/" + FILE], MALFORMED, {}),
    ("file name that is a folder", FILES, [FILE, ".."], MALFORMED, {}),
    ("file name with a zero byte", FILES, [FILE, FILE + "\0"], MALFORMED, {}),
    ("file names, none", FILES, [], "wrong_file", {}),
    ("digest in upper case", DIGESTS, [DIGEST.upper()], MALFORMED, {}),
    ("digest in upper case beside one that matches", DIGESTS, [DIGEST, DIGEST.upper()], MALFORMED, {}),
    ("digest that is too short", DIGESTS, [DIGEST[1:]], MALFORMED, {}),
    ("digest that is too long", DIGESTS, [DIGEST + "a"], MALFORMED, {}),
    ("digest with the name of its algorithm", DIGESTS, ["sha256:" + DIGEST], MALFORMED, {}),
    ("digest that is empty", DIGESTS, [""], MALFORMED, {"sha256": ""}),
    ("digests, none", DIGESTS, [], "wrong_digest", {}),
    ("network without a prefix length", NETWORKS, ["203.0.113.9"], MALFORMED, {}),
    ("network with host bits", NETWORKS, ["203.0.113.9/24"], MALFORMED, {}),
    ("network with host bits beside one that matches", NETWORKS, ["203.0.113.0/24", "198.51.100.1/24"], MALFORMED, {}),
    ("network with a mask", NETWORKS, ["203.0.113.0/255.255.255.0"], MALFORMED, {}),
    ("network with a prefix that is too long", NETWORKS, ["203.0.113.0/33"], MALFORMED, {}),
    ("network with leading zeros", NETWORKS, ["203.000.113.0/24"], MALFORMED, {}),
    ("network of IPv4 addresses inside IPv6", NETWORKS, ["::ffff:203.0.113.0/120"], MALFORMED, {}),
    ("network with a zone", NETWORKS, ["fe80::%eth0/10"], MALFORMED, {"client_ip": "fe80::1"}),
    ("network that is empty", NETWORKS, [""], MALFORMED, {"client_ip": ""}),
    ("network of one address", NETWORKS, ["203.0.113.9/32"], "", {}),
    ("network of IPv6 for a client of IPv4", NETWORKS, ["::/0"], "wrong_network", {}),
    ("networks, none", NETWORKS, [], "wrong_network", {}),
    ("action that does not exist", ACTIONS, ["delete"], MALFORMED, {}),
    ("action in upper case beside one that matches", ACTIONS, ["upload", "Upload"], MALFORMED, {}),
    ("action that is empty", ACTIONS, [""], MALFORMED, {"action": ""}),
    ("action stage does not upload", ACTIONS, ["stage"], "wrong_action", {}),
    ("action stage", ACTIONS, ["stage"], "", {"action": "stage"}),
    ("action upload stages, too", ACTIONS, ["upload"], "", {"action": "stage"}),
    ("action create does not stage", ACTIONS, ["create"], "wrong_action", {"action": "stage"}),
    ("actions, none", ACTIONS, [], "wrong_action", {}),
    ("life that ends before it begins", LIFE, None, "expired", {}),
]


def case(name, tag, value, reason, change):
    issued = [json.dumps([3, USER], separators=(",", ":"))]
    m = pymacaroons.Macaroon(location=LOCATION, identifier=IDENTIFIER, key=KEY, version=pymacaroons.MACAROON_V2)
    for caveat in issued:
        m.add_first_party_caveat(caveat)
    added = [tag, NOW - 1, NOW + 1] if tag == LIFE else [tag, value]
    m.add_first_party_caveat(json.dumps(added))
    return {
        "name": "form: " + name, "root_key_hex": KEY.hex(), "user_id": USER, "issued_caveats": issued, "token": "pypi-" + m.serialize(),
        "request": {**REQUEST, **change}, "expect": "deny" if reason else "allow", "reason": reason, "note": "the holder added " + json.dumps(added),
    }


def main():
    json.dump({
        "comment": "Tokens made by make_forms.py with pymacaroons. README.md in this folder describes the format.",
        "now": NOW, "location": LOCATION, "cases": [case(*c) for c in CASES],
    }, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
