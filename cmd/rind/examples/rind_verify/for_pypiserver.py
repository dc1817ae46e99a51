"""pypiserver that takes rind's tokens for uploads, and nothing else:

    pip install 'pypiserver==2.4.2' waitress ./cmd/rind/examples
    python -m rind_verify.for_pypiserver --socket /run/rind-gateway/verify.sock --port 8080 packages/

auther() is for a WSGI file of your own, which gives it to pypiserver.app(); see main().
"""

import argparse
import pathlib

import pypiserver
from pypiserver.bottle_wrapper import HTTPError, request, run

from rind_verify import Refused, Rind, USERNAME


def auther(rind):
    """Returns the function that pypiserver asks before it does what a request says. It decides about uploads.
    Behind a proxy, let the WSGI server set REMOTE_ADDR from what the proxy says: waitress has trusted_proxy for it."""

    def allowed(username, password):
        if request.method != "POST" or request.path != "/" or username != USERNAME:
            return False
        files = request.files.getall("content")
        try:
            # what pypiserver looks at beside the text fields are files with these two names
            if len(files) != 1 or "gpg_signature" in request.files or "content" in request.forms:
                raise Refused(400, "The form must have one file, in the field 'content'.")
            fields = {name: request.forms.getall(name) for name in request.forms}
            rind.check(username, password, fields, files[0].raw_filename, files[0].file, request.environ.get("REMOTE_ADDR"))
        except Refused as refused:
            raise HTTPError("%d %s" % (refused.status, refused.reason), refused.reason)
        return True

    return allowed


def main():
    options = argparse.ArgumentParser(description="pypiserver that takes rind's tokens for uploads")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", default=8080, type=int)
    options.add_argument("--server", default="auto", help="WSGI server, as for pypi-server")
    options.add_argument("--socket", help="verify-socket of the gateway")
    options.add_argument("--url", help="or its https address")
    options.add_argument("--secret-file", help="file with the secret in its verify-secret-file")
    options.add_argument("--ca-file", help="CA certificates to trust for it")
    options.add_argument("packages", type=pathlib.Path)
    given = options.parse_args()
    rind = Rind(given.socket, given.url, given.secret_file, given.ca_file)
    app = pypiserver.app(
        roots=[given.packages.resolve()],
        authenticate=["update"],
        auther=auther(rind),
        overwrite=False,
        disable_fallback=True,
    )
    run(app=app, host=given.host, port=given.port, server=given.server)


if __name__ == "__main__":
    main()
