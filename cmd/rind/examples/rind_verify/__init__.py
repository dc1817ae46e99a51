"""Asks a rind gateway whether a token allows an upload (POST /v1/verify). It needs nothing but the standard library.

    rind = Rind(socket="/run/rind-gateway/verify.sock")                # verify-socket of the gateway, on this machine
    rind = Rind(url="https://packages.example.org", secret_file="verify.secret")      # verify-secret-file

    rind.check(username, password, fields, filename, file, client_ip)  # raises Refused

for_pypiserver and for_devpi, beside this file, use it. The check is about the token, the form and the digest of the
file. What is inside the archive is checked only by a gateway that uploads go through.
"""

import base64
import hashlib
import http.client
import json
import logging
import socket
import ssl
import stat
import os
import urllib.parse

log = logging.getLogger("rind_verify")

USERNAME = "__token__"  # with it, a client sends a token as its password
TIMEOUT = 10  # seconds
UNAVAILABLE = "API tokens can't be checked right now. Try again later."


class Refused(Exception):
    """The answer for the client: a status and a sentence. 403 says that the token does not allow the upload, 400 that
    the form is wrong, and 503 that the check could not be made, which is never an allow."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = "".join(c if " " <= c <= "~" else "?" for c in reason)[:400]  # fits into a status line


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Rind:
    """A gateway: at a socket, or at an https address with a secret. Threads may share it."""

    def __init__(self, socket=None, url=None, secret_file=None, ca_file=None):
        if bool(socket) == bool(url) or bool(url) != bool(secret_file):
            raise ValueError("rind_verify: give either a socket, or an address and a file with the secret")
        self._socket, self._headers = socket, {"Content-Type": "application/json"}
        if url:
            at = urllib.parse.urlsplit(url)
            if at.scheme != "https" or not at.hostname:
                raise ValueError("rind_verify: the address is not like https://packages.example.org")
            self._host, self._port = at.hostname, at.port
            self._tls = ssl.create_default_context(cafile=ca_file)
            with open(secret_file) as f:
                if stat.S_IMODE(os.fstat(f.fileno()).st_mode) & 0o007:
                    raise ValueError("rind_verify: everybody may read %s: run chmod 600" % secret_file)
                self._headers["Authorization"] = "Bearer " + f.read().strip()

    def _connection(self):
        if self._socket:
            return _SocketConnection(self._socket)
        return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=self._tls)

    def ask(self, **question):
        """Asks once, and returns the answer to an upload that is allowed. Anything else raises Refused."""
        connection = self._connection()
        try:
            connection.request("POST", "/v1/verify", json.dumps(question), self._headers)
            response = connection.getresponse()
            status, body = response.status, response.read(64 << 10)
            answer = json.loads(body) if response.headers.get_content_type() == "application/json" else {}
        except (OSError, http.client.HTTPException, ValueError) as e:
            log.error("rind can't be asked: %s", e)
            raise Refused(503, UNAVAILABLE) from None
        finally:
            connection.close()
        if status == 200 and answer.get("allowed") is True:
            return answer
        if status in (403, 503) and isinstance(answer.get("reason"), str):
            raise Refused(status, answer["reason"])
        log.error("rind answered %d: %s", status, body[:400].decode("utf-8", "replace"))
        raise Refused(503, UNAVAILABLE)

    def check(self, username, password, fields, filename, file, client_ip=None):
        """Checks an upload that has arrived, before anything is kept of it. Raises Refused if it is not allowed.

        fields has a list of values for each text field of the form, and filename and file are the name and the content
        that will be kept. The file is read, and then stands at its beginning again.
        """
        for name in (":action", "name", "version", "sha256_digest"):
            if len(fields.get(name, [])) != 1:
                raise Refused(400, "The form must have the field '%s' once." % name)
        if fields[":action"][0] != "file_upload":  # remove_pkg deletes, doc_upload and submit write
            raise Refused(403, "A token only uploads files.")
        digest = hashlib.sha256()
        file.seek(0)
        for chunk in iter(lambda: file.read(1 << 16), b""):
            digest.update(chunk)
        file.seek(0)
        if digest.hexdigest() != fields["sha256_digest"][0].lower():  # such as a file whose end is missing
            raise Refused(400, "The file is not the one that 'sha256_digest' is about: it was changed or cut off in transit.")
        pair = "%s:%s" % (username, password)
        question = {
            "authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "project": fields["name"][0],
            "version": fields["version"][0],
            "filename": filename,
            "sha256": digest.hexdigest(),
            "final": True,
        }
        if client_ip:
            question["client_ip"] = client_ip
        return self.ask(**question)
