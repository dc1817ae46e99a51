"""What pypa/gh-action-pypi-publish sends in a job: it asks for the audience, exchanges an ID token, and uploads with twine.

Its arguments are the upload address and files. It runs with the packages id, requests and twine.
"""

import os
import subprocess
import sys
from urllib.parse import urlparse

import id
import requests


def main(repository_url, *files):
    domain = urlparse(repository_url).netloc
    answer = requests.get(f"https://{domain}/_/oidc/audience", timeout=5)
    if not answer.ok:
        sys.exit({403: "trusted publishing is disabled", 404: "trusted publishing is not supported"}.get(answer.status_code, answer.text))
    try:
        token = id.detect_credential(audience=answer.json()["audience"])
    except id.IdentityError as error:
        sys.exit(f"no ID token: {error}")
    answer = requests.post(f"https://{domain}/_/oidc/mint-token", json={"token": token}, timeout=5)
    body = answer.json()
    if not answer.ok:
        sys.exit("\n".join(f"* `{error['code']}`: {error['description']}" for error in body["errors"]))
    upload = body["token"]
    if not upload.startswith("pypi-"):
        sys.exit("the token does not begin with pypi-")
    environment = dict(os.environ, TWINE_USERNAME="__token__", TWINE_PASSWORD=upload, TWINE_REPOSITORY_URL=repository_url)
    command = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar", *files]
    sys.exit(subprocess.run(command, env=environment).returncode)


main(*sys.argv[1:])
