"""Real verifiers against a running server: PyJWT's JWKS client and SimpleJWT itself.

Prints `ok NAME` or `FAILED NAME: why` per check and exits with 1 if any failed. The password of
the account comes on stdin.
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
import urllib.request

import django
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import settings


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def packed(value):
    return b64(json.dumps(value, separators=(",", ":")).encode())


# --- What the server gives out ---------------------------------------------------------------


class Server:
    def __init__(self, url):
        self.url = url
        self.jwks_url = url + "/.well-known/jwks.json"

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def log_in(self, username, password):
        request = urllib.request.Request(
            self.url + "/api/v1/user/token/",
            json.dumps({"username": username, "password": password}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


# --- Tampering -------------------------------------------------------------------------------


def foreign_key(algorithm):
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("ES"):
        return ec.generate_private_key({"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}[algorithm]())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def hmac_signed(header, claims, secret):
    # By hand: PyJWT refuses to make such a token, an attacker would not.
    text = packed(header) + "." + packed(claims)
    return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def tampered(token, algorithm, jwk):
    """Yields (name, token) for every forgery that a verifier has to refuse."""
    head, body, signature = token.split(".")
    header, claims = json.loads(unb64(head)), json.loads(unb64(body))
    raw = unb64(signature)

    yield "changed payload", f"{head}.{packed({**claims, 'user_id': '1'})}.{signature}"
    yield "later expiry", f"{head}.{packed({**claims, 'exp': claims['exp'] + 86400})}.{signature}"
    for place in (0, len(raw) // 2, len(raw) - 1):
        bad = bytes(byte ^ (index == place) for index, byte in enumerate(raw))
        yield f"changed signature (byte {place})", f"{head}.{body}.{b64(bad)}"
    yield "signature cut off", f"{head}.{body}."
    yield "signature of zeros", f"{head}.{body}.{b64(bytes(len(raw)))}"

    for spelling in ("none", "None", "NONE", "nOnE"):
        bare = packed({**header, "alg": spelling})
        yield f"alg {spelling}, no signature", f"{bare}.{body}."
        yield f"alg {spelling}, old signature", f"{bare}.{body}.{signature}"

    yield "other kid", f"{packed({**header, 'kid': 'no-such-key'})}.{body}.{signature}"
    without = {name: value for name, value in header.items() if name != "kid"}
    yield "no kid", f"{packed(without)}.{body}.{signature}"

    stranger = foreign_key(algorithm)
    signed = jwt.encode(claims, stranger, algorithm, headers={"kid": header["kid"]})
    yield "foreign key under our kid", signed
    yield "foreign key under another kid", jwt.encode(claims, stranger, algorithm, headers={"kid": "mine"})
    own = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(stranger.public_key()))
    yield "foreign key carried as jwk", jwt.encode(
        claims, stranger, algorithm, headers={"kid": header["kid"], "jwk": own}
    )

    public = jwt.PyJWK(jwk).key
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    confused = {**header, "alg": "HS256"}
    secrets = {
        "PEM": pem,
        "PEM without its last newline": pem.rstrip(b"\n"),
        "JWK": json.dumps(jwk, separators=(",", ":")).encode(),
        "JWK's first coordinate": unb64(jwk.get("x") or jwk["n"]),
        "kid": header["kid"].encode(),
    }
    for name, secret in secrets.items():
        yield f"HS256 signed with the public {name}", hmac_signed(confused, claims, secret)


# --- Checks ----------------------------------------------------------------------------------


class Report:
    def __init__(self, prefix):
        self.prefix = prefix
        self.failed = 0

    def check(self, name, test):
        """Runs one check; it passes unless it raises."""
        name = f"{self.prefix}: {name}"
        try:
            test()
        except Exception as error:  # Whatever went wrong is the report.
            self.failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}")
        else:
            print(f"ok {name}")


def expect(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def refuses(errors, verify, token):
    try:
        claims = verify(token)
    except errors:
        return
    raise AssertionError(f"accepted: {claims}")


def check_documents(report, server, algorithm, access, jwk):
    header = jwt.get_unverified_header(access)
    claims = jwt.decode(access, options={"verify_signature": False})

    report.check(f"documents: the token says {algorithm}", lambda: expect(header["alg"] == algorithm, header))
    report.check(
        "documents: the key set has the token's key, for its algorithm",
        lambda: expect(jwk and jwk.get("alg", algorithm) == algorithm, (header, jwk)),
    )
    private = {"d", "p", "q", "dp", "dq", "qi", "k"}
    report.check(
        "documents: no private part is published",
        lambda: expect(
            not any(private & set(key) for key in server.get("/.well-known/jwks.json")["keys"]), "private parts"
        ),
    )

    def discovery():
        document = server.get("/.well-known/openid-configuration")
        expect(document["issuer"] == claims["iss"], (document["issuer"], claims["iss"]))
        expect(document["jwks_uri"].endswith("/.well-known/jwks.json"), document["jwks_uri"])

    report.check("documents: discovery names the token's issuer and the key set", discovery)


def check_pyjwt(report, server, algorithm, tokens, jwk):
    access, refresh = tokens["access"], tokens["refresh"]
    plain = jwt.decode(access, options={"verify_signature": False})
    client = jwt.PyJWKClient(server.jwks_url)

    def verify(token, **options):
        key = client.get_signing_key_from_jwt(token)
        wanted = {"algorithms": [algorithm], "issuer": plain["iss"], "audience": plain.get("aud"), **options}
        return jwt.decode(token, key, **wanted)

    report.check("PyJWT accepts the access token", lambda: expect(verify(access) == plain, "other claims"))
    report.check(
        "PyJWT finds the claims it is told to require",
        lambda: verify(access, options={"require": ["exp", "iat", "iss", "sub", "jti"]}),
    )
    errors = (jwt.InvalidTokenError, jwt.PyJWKClientError)
    report.check(
        "PyJWT refuses the access token for another issuer",
        lambda: refuses(errors, lambda token: verify(token, issuer="https://other.example"), access),
    )
    report.check(
        "PyJWT refuses the access token for another audience",
        lambda: refuses(errors, lambda token: verify(token, audience="other"), access),
    )
    report.check("PyJWT refuses the refresh token", lambda: refuses(errors, verify, refresh))
    for name, token in tampered(access, algorithm, jwk):
        report.check(f"PyJWT refuses: {name}", lambda token=token: refuses(errors, verify, token))


def configure_django(server, algorithm, claims):
    settings.configure(
        SECRET_KEY="unused-but-required-by-django-and-long-enough",
        ALLOWED_HOSTS=["testserver"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
        USE_TZ=True,
        SIMPLE_JWT={
            "ALGORITHM": algorithm,
            "SIGNING_KEY": None,
            "JWK_URL": server.jwks_url,
            "ISSUER": claims["iss"],
            "AUDIENCE": claims.get("aud"),
            # Our ids are texts, Django's are numbers; the user name holds ours.
            "USER_ID_FIELD": "username",
        },
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def check_simplejwt(report, server, algorithm, tokens, jwk):
    access, refresh = tokens["access"], tokens["refresh"]
    plain = jwt.decode(access, options={"verify_signature": False})
    configure_django(server, algorithm, plain)

    # Importable only once Django is configured.
    from django.contrib.auth.models import User
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.test import APIRequestFactory
    from rest_framework.views import APIView
    from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
    from rest_framework_simplejwt.serializers import TokenVerifySerializer

    class Stateless(APIView):
        authentication_classes = [JWTStatelessUserAuthentication]
        permission_classes = [IsAuthenticated]

        def get(self, request):
            return Response({"id": request.user.id, "superuser": request.user.is_superuser})

    class Stateful(APIView):
        authentication_classes = [JWTAuthentication]
        permission_classes = [IsAuthenticated]

        def get(self, request):
            return Response({"id": request.user.username, "superuser": request.user.is_superuser})

    factory = APIRequestFactory()

    def ask(view, token):
        extra = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
        return view.as_view()(factory.get("/", **extra))

    def accepted(view):
        answer = ask(view, access)
        expect(answer.status_code == 200, (answer.status_code, answer.data))
        expect(answer.data["id"] == plain["user_id"], answer.data)
        return answer

    def refused(view, token, code="token_not_valid"):
        answer = ask(view, token)
        expect(answer.status_code == 401, (answer.status_code, answer.data))
        expect(answer.data.get("code", "not_authenticated") == code, answer.data)

    def stateless_superuser():
        expect(accepted(Stateless).data["superuser"] is True, "is_superuser is not in the token")

    user = User.objects.create_user(username=plain["user_id"])

    def unknown_user():
        User.objects.filter(pk=user.pk).update(username="somebody-else")
        refused(Stateful, access, "user_not_found")
        User.objects.filter(pk=user.pk).update(username=plain["user_id"])

    def inactive_user():
        User.objects.filter(pk=user.pk).update(is_active=False)
        refused(Stateful, access, "user_inactive")
        User.objects.filter(pk=user.pk).update(is_active=True)

    def verify_serializer():
        TokenVerifySerializer(data={"token": access}).is_valid(raise_exception=True)

    for view, name in ((Stateless, "stateless"), (Stateful, "stateful")):
        report.check(f"SimpleJWT {name} accepts the access token", lambda view=view: accepted(view))
        report.check(
            f"SimpleJWT {name} refuses a request without a token",
            lambda view=view: refused(view, None, "not_authenticated"),
        )
        report.check(f"SimpleJWT {name} refuses the refresh token", lambda view=view: refused(view, refresh))
        for forgery, token in tampered(access, algorithm, jwk):
            report.check(
                f"SimpleJWT {name} refuses: {forgery}", lambda view=view, token=token: refused(view, token)
            )
    report.check("SimpleJWT stateless sees the superuser", stateless_superuser)
    report.check("SimpleJWT stateful refuses a user it does not know", unknown_user)
    report.check("SimpleJWT stateful refuses an inactive user", inactive_user)
    report.check("SimpleJWT's verify serializer accepts the access token", verify_serializer)
    # The refusals above mean nothing if the token had ceased to be good meanwhile.
    report.check("SimpleJWT stateful still accepts the access token", lambda: accepted(Stateful))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--username", required=True)
    arguments = parser.parse_args()

    server, algorithm = Server(arguments.server), arguments.algorithm
    tokens = server.log_in(arguments.username, sys.stdin.readline().rstrip("\n"))
    kid = jwt.get_unverified_header(tokens["access"])["kid"]
    jwk = next((key for key in server.get("/.well-known/jwks.json")["keys"] if key.get("kid") == kid), None)

    report = Report(algorithm)
    check_documents(report, server, algorithm, tokens["access"], jwk)
    if jwk:
        check_pyjwt(report, server, algorithm, tokens, jwk)
        check_simplejwt(report, server, algorithm, tokens, jwk)
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
