"""Answers questions of the Go tests, one JSON object a line, with pymacaroons."""

import base64
import json
import sys

import pymacaroons

import warehouse


def bytes_of(text):
    return base64.b64decode(text)


def body(token):
    prefix, _, rest = token.partition("-")
    assert prefix == "pypi", prefix
    return rest


def verify(q):
    """Whether a token is genuine, whatever its caveats say."""
    m = pymacaroons.Macaroon.deserialize(body(q["token"]))
    v = pymacaroons.Verifier()
    v.satisfy_general(lambda predicate: True)
    try:
        ok = v.verify(m, bytes_of(q["key"]))
    except pymacaroons.exceptions.MacaroonInvalidSignatureException:
        ok = False
    by_hand = warehouse.hand_signature(bytes_of(q["key"]), m.identifier_bytes, [c.caveat_id_bytes for c in m.caveats])
    assert ok == (by_hand.hex() == m.signature)
    return {"allow": ok, "location": m.location, "identifier": m.identifier.decode(), "caveats": [c.caveat_id.decode() for c in m.caveats]}


def attenuate(q):
    m = pymacaroons.Macaroon.deserialize(body(q["token"]))
    for caveat in q["caveats"]:
        m.add_first_party_caveat(caveat)
    return {"token": "pypi-" + m.serialize()}


def roundtrip(q):
    return {"token": "pypi-" + pymacaroons.Macaroon.deserialize(body(q["token"])).serialize()}


def dumps(q):
    """The canonical wire form of a caveat."""
    return {"text": json.dumps(json.loads(q["text"]), separators=(",", ":"))}


def context_of(q):
    return warehouse.Context(q["user_id"], q["project"], q["project_id"], q["now"])


def caveat(q):
    c = context_of(q)
    allow, why = warehouse.check_caveat_bytes(c, bytes_of(q["raw"]))
    return {"allow": allow, "why": why, "liberties": sorted(c.liberties), "extension": c.extension}


def token(q):
    c = context_of(q)
    issued = [i.encode() for i in q["issued"]]
    allow, why = warehouse.check_token(c, q["token"], bytes_of(q["key"]), q["identifier"], q["location"], issued)
    return {"allow": allow, "why": why, "liberties": sorted(c.liberties), "extension": c.extension}


def version(q):
    from packaging.version import InvalidVersion, Version

    def parse(text):
        try:
            return Version(text)
        except InvalidVersion:
            return None

    a, b = parse(q["a"]), parse(q["b"])
    return {"text": str(a) if a else "", "allow": a is not None and b is not None and a == b}


QUESTIONS = {f.__name__: f for f in (verify, attenuate, roundtrip, dumps, caveat, token, version)}


def main():
    out = sys.stdout
    for line in sys.stdin:
        q = json.loads(line)
        out.write(json.dumps(QUESTIONS[q["op"]](q)) + "\n")
        if q.get("flush", True):
            out.flush()


if __name__ == "__main__":
    main()
