"""A model of how PyPI (Warehouse) reads a token and its caveats.

It follows what Warehouse does with pymacaroons, json and pydantic, as it could be
read in August 2026, and where a detail is in doubt it takes the kinder reading.
Beside its answer it names every liberty that it took: each one is something that
rind refuses. The names are explained in differential_test.go.
"""

import base64
import hashlib
import hmac
import json
import re
import uuid

import pymacaroons

MAX_TEXT, MAX_CAVEATS, MAX_CAVEAT = 8192, 64, 4096


class Refused(Exception):
    """The caveat or the token is refused, for the reason in the message."""


class Context:
    """What the index knows about a request, and the liberties taken so far."""

    def __init__(self, user_id, project, project_id, now):
        self.user_id = user_id
        self.project = project  # normalized, "" outside of a project
        self.project_id = project_id
        self.now = now
        self.liberties = set()
        self.extension = False  # a caveat that rind has and PyPI has not


# Caveats ----------------------------------------------------------------


def strict_int(value):
    if type(value) is not int:
        raise Refused("invalid values for fields")
    return value


def strict_str(value):
    if type(value) is not str:
        raise Refused("invalid values for fields")
    return value


def list_of_str(value):
    if type(value) is not list:
        raise Refused("invalid values for fields")
    return [strict_str(v) for v in value]


def expiration(context, expires_at, not_before):
    if not -(2**63) <= expires_at < 2**63 or not -(2**63) <= not_before < 2**63:
        context.liberties.add("time beyond int64")
    if context.now < not_before or context.now >= expires_at:
        raise Refused("token is expired")


# What rind asks of the elements of a list; the model takes any string.
NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def note_forms(context, elements, form):
    if not all(form.fullmatch(e) for e in elements):
        context.liberties.add("element of no form")


def project_name(context, names):
    if not context.project:
        raise Refused("project-scoped token used outside of a project context")
    if context.project not in names:
        raise Refused("project-scoped token is not valid for project: %r" % context.project)
    note_forms(context, names, NAME)


def project_id(context, ids):
    if not context.project:
        raise Refused("project-scoped token used outside of a project context")
    if context.project_id not in ids:
        raise Refused("project-scoped token is not valid for project: %r" % context.project)
    note_forms(context, ids, UUID)


def request_user(context, user_id):
    if context.user_id != user_id:
        raise Refused("current user does not match user restriction in token")


def oidc_publisher(context, *_):
    raise Refused("OIDC scoped token used outside of an OIDC identified request")


# tag -> the rule, and the readers of its fields; None for one that may be left out
REGISTRY = {
    0: (expiration, [strict_int, strict_int]),
    1: (project_name, [list_of_str]),
    2: (project_id, [list_of_str]),
    3: (request_user, [strict_str]),
    4: (oidc_publisher, [strict_str]),
}


def adapt_legacy(context, data):
    """The maps that caveats were before they were arrays."""
    if data.get("version") == 1:
        permissions = data.get("permissions")
        if permissions == "user":
            return [3, context.user_id]
        if isinstance(permissions, dict) and "projects" in permissions:
            return [1, permissions["projects"]]
        return None
    if "exp" in data and "nbf" in data:
        return [0, data["exp"], data["nbf"]]
    if "project_ids" in data:
        return [2, data["project_ids"]]
    return None


def read_json(context, text):
    def integer(literal):
        if literal == "-0":
            context.liberties.add("minus zero")
        return int(literal)

    value = json.loads(text, parse_int=integer)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        context.liberties.add("lone surrogate")
    return value


def check_caveat(context, text):
    """Refused, or any other exception, where the caveat does not hold."""
    data = read_json(context, text)
    if isinstance(data, dict):
        context.liberties.add("legacy map")
        data = adapt_legacy(context, data)
    if not isinstance(data, list):
        raise Refused("caveat must be an array")
    if not data:
        raise Refused("caveat array cannot be empty")
    tag, *fields = data
    if type(tag) is int and 100 <= tag <= 104:
        context.extension = True
    rule = REGISTRY.get(tag)  # true and 1.0 are 1 to a dict
    if rule is None:
        raise Refused("caveat has unknown tag: %s" % tag)
    if type(tag) is not int:
        context.liberties.add("tag that is no integer literal")
    verify, readers = rule
    if len(fields) < len(readers):
        raise Refused("Not enough values")
    if len(fields) > len(readers):
        context.liberties.add("extra element")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_CAVEAT:
        context.liberties.add("beyond the limits")
    verify(context, *(read(f) for read, f in zip(readers, fields)))


def check_caveat_bytes(context, raw):
    """Answers for one caveat as a verifier's callback sees it."""
    try:
        check_caveat(context, raw.decode("utf-8"))
    except Exception as e:  # Warehouse lets any exception deny
        return False, str(e)
    return True, ""


# Tokens -----------------------------------------------------------------


def deserialize(text):
    prefix, _, body = text.partition("-")
    if prefix != "pypi" or not body:
        raise Refused("malformed or nonexistent macaroon")
    return pymacaroons.Macaroon.deserialize(body)


def check_token(context, text, key, identifier, location, issued):
    """Answers for a token whose record holds the key and the identifier.

    location and issued are what rind compares and PyPI does not.
    """
    try:
        macaroon = deserialize(text)
        if uuid.UUID(macaroon.identifier.decode() if isinstance(macaroon.identifier, bytes) else macaroon.identifier) != uuid.UUID(identifier):
            return False, "deleted or nonexistent macaroon"
    except Exception as e:
        return False, "malformed macaroon: %s" % e

    errors = []

    def callback(predicate):
        try:
            check_caveat(context, predicate)
        except Refused as e:
            errors.append(str(e))
            return False
        return True

    verifier = pymacaroons.Verifier()
    verifier.satisfy_general(callback)
    try:
        verifier.verify(macaroon, key)
    except Exception as e:
        return False, ", ".join(errors) or str(e)
    # pymacaroons leaves a caveat that fails out of the chain, so a caveat that
    # nobody signed passes if it fails.
    if errors:
        context.liberties.add("unsigned splice")
    context.liberties |= token_liberties(text, macaroon, location, issued)
    return True, ""


def token_liberties(text, macaroon, location, issued):
    """What is out of form in a token that verified."""
    out = set()
    body = text.partition("-")[2]
    if macaroon.version == pymacaroons.MACAROON_V1:
        out.add("V1 encoding")
    else:
        binary = base64.urlsafe_b64decode(body.encode() + b"=" * (-len(body) % 4))
        if base64.urlsafe_b64encode(binary).decode().rstrip("=") != body:
            out.add("base64 in another spelling")
        canonical = pymacaroons.serializers.BinarySerializer().serialize_raw(macaroon)
        if binary != canonical:
            out.add("trailing bytes" if binary.startswith(canonical) else "varint in another spelling")
    if macaroon.location != location:
        out.add("location not compared")
    caveats = [c.caveat_id_bytes for c in macaroon.caveats]
    if caveats[: len(issued)] != issued:
        out.add("issued caveats not compared")
    if len(text) > MAX_TEXT or len(caveats) > MAX_CAVEATS or any(len(c) > MAX_CAVEAT for c in caveats):
        out.add("beyond the limits")
    return out


def hand_signature(key, identifier, caveats):
    """The chain by Python's hmac alone."""
    at = hmac.new(hmac.new(b"macaroons-key-generator", key, hashlib.sha256).digest(), identifier, hashlib.sha256).digest()
    for caveat in caveats:
        at = hmac.new(at, caveat, hashlib.sha256).digest()
    return at
