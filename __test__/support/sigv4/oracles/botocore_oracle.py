"""Signs what it is told to with botocore: one JSON request a line in, one JSON answer a line out."""

import base64
import datetime
import hashlib
import json
import sys

import botocore
import botocore.auth as auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SIGNERS = {
    ("s3", "sign"): auth.S3SigV4Auth,
    ("s3", "presign"): auth.S3SigV4QueryAuth,
    ("other", "sign"): auth.SigV4Auth,
    ("other", "presign"): auth.SigV4QueryAuth,
}


def answer(order):
    now = datetime.datetime.fromtimestamp(order["ms"] // 1000, datetime.timezone.utc)
    auth.get_current_datetime = lambda *_, **__: now
    identity = order["identity"]
    credentials = Credentials(identity["accessKeyId"], identity["secretAccessKey"], identity.get("sessionToken"))
    service = identity["service"]
    mode = order["mode"]
    signer = SIGNERS["s3" if service == "s3" else "other", mode](credentials, service, identity["region"])
    if mode == "presign":
        signer._expires = order["expiresIn"]

    request = AWSRequest(method=order["method"], url=order["url"])
    for name, value in order["headers"]:
        request.headers.add_header(name, value)
    digest = order["hash"]
    if order["body"] is not None:
        digest = hashlib.sha256(base64.b64decode(order["body"])).hexdigest()
    if digest is not None:
        signer.payload = lambda _: digest
    header = "X-Amz-Content-SHA256"
    if header in request.headers or (order["checksum"] and service != "s3"):
        del request.headers[header]
        request.headers[header] = digest or auth.EMPTY_SHA256_HASH
    if order["pairs"]:
        request.params = dict(order["pairs"]) if mode == "presign" else [tuple(pair) for pair in order["pairs"]]

    stages = {}
    plain_request, plain_text = signer.canonical_request, signer.string_to_sign

    def canonical_request(request):
        stages["canonicalRequest"] = plain_request(request)
        return stages["canonicalRequest"]

    def string_to_sign(request, canonical):
        stages["stringToSign"] = plain_text(request, canonical)
        return stages["stringToSign"]

    signer.canonical_request, signer.string_to_sign = canonical_request, string_to_sign
    signer.add_auth(request)
    if mode == "presign":
        return {**stages, "signature": request.url[-64:], "query": request.url.split("?", 1)[1]}
    authorization = request.headers["Authorization"]
    return {**stages, "signature": authorization[-64:], "authorization": authorization}


print(json.dumps({"version": botocore.__version__}), flush=True)
for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as error:  # reported as that case's answer, so that the others still count
        result = {"error": repr(error)}
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
