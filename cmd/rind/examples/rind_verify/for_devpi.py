"""A plugin for devpi-server (6.20) that takes rind's tokens for uploads, and nothing else:

    pip install ./cmd/rind/examples                     # into devpi's environment, which finds it by its entry point
    devpi-server --serverdir data --rind-socket /run/rind-gateway/verify.sock

Let the group of rind's tokens, and nobody else, upload to an index: devpi index root/prod volatile=False acl_upload=:rind
"""

from devpi_server.config import hookimpl
from pyramid.httpexceptions import exception_response

from rind_verify import Refused, Rind, USERNAME

GROUP = "rind"  # in acl_upload it is called :rind
UPLOAD_ROUTE = "/{user}/{index}/"


@hookimpl
def devpiserver_add_parser_options(parser):
    options = parser.addgroup("rind")
    options.addoption("--rind-socket", help="verify-socket of the gateway")
    options.addoption("--rind-url", help="or its https address")
    options.addoption("--rind-secret-file", help="file with the secret in its verify-secret-file")
    options.addoption("--rind-ca-file", help="CA certificates to trust for it")


@hookimpl
def devpiserver_pyramid_configure(config, pyramid_config):
    given = config.args
    pyramid_config.registry["rind"] = Rind(given.rind_socket, given.rind_url, given.rind_secret_file, given.rind_ca_file)


@hookimpl
def devpiserver_auth_request(request, userdict, username, password):
    """Accepts a token for the one request that it was checked for. devpi would let a token that is accepted anywhere
    else sign in: at /+login it would become a password for ten hours."""
    if username != USERNAME:
        return None  # not ours
    route = request.matched_route
    if request.method != "POST" or route is None or route.name != UPLOAD_ROUTE:
        return {"status": "reject"}
    try:
        files = request.POST.getall("content")
        if len(files) != 1 or not hasattr(files[0], "file"):
            raise Refused(400, "The form must have one file, in the field 'content'.")
        fields = {name: request.POST.getall(name) for name in request.POST}
        if any(hasattr(value, "file") for name in fields for value in fields[name] if name != "content"):
            raise Refused(400, "The form has a file where a text belongs.")
        request.registry["rind"].check(username, password, fields, files[0].filename, files[0].file, request.remote_addr)
    except Refused as refused:
        answer = exception_response(refused.status, explanation=refused.reason)
        answer.status = "%d %s" % (refused.status, refused.reason)
        raise answer
    return {"status": "ok", "groups": [GROUP]}
