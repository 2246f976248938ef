"""The bucket that stems and messages are delivered to: a folder, `s3://bucket/prefix` or `gs://bucket/prefix`.

Credentials, region and endpoint come from the environment, by the names that obstore and boto3 share
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS ...), or from
the profile that AWS_PROFILE names. Nothing of them is ever in a message. The S3 resource of dagster-aws is not used: it
holds a boto3 client, a second one beside obstore's, that knows neither GCS nor folders; the profiles that it could add
boto3 gives here.

Objects carry their `sha256` and `contract_signature` as metadata; a folder keeps none, and is hashed instead.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, ObjectStore, from_url

from audio_assets.domain.bucket_audit import Held, Wanted
from audio_assets.domain.redaction import without_secrets
from audio_assets.domain.rendering import PermanentError, TransientError, Unavailable
from resources.published import replacing

SETTING = "AUDIO_ASSETS_BUCKET"
PAGE = 1000
_AT_ONCE = 16
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
_TIMES = {"timeout": "60s", "connect_timeout": "5s"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_AWS_KEYS, _GOOGLE_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "GOOGLE_APPLICATION_CREDENTIALS"
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REFUSED = ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "ExpiredToken", "InvalidToken",
            "AuthorizationHeaderMalformed", "403 Forbidden", "401 Unauthorized")  # fmt: skip
_ASKED_FOR_KEYS = ("Missing SecretAccessKey", "Missing AccessKeyId", "/latest/api/token", "/latest/meta-data",
                   "computeMetadata", "metadata.google.internal")  # fmt: skip
"""Without keys obstore asks the machine's cloud for some; elsewhere nobody answers."""
_NO_ANSWER = ("error sending request", "tcp connect", "dns error", "timed out", "Connection re")


class BucketGone(PermanentError):  # noqa: N818 - what happened, as a reader says it
    """There is no object of that key (any more)."""


class ChangedMeanwhile(TransientError):  # noqa: N818 - what happened, as a reader says it
    """Somebody else has written the object since it was looked at."""


class Bucket(dg.ConfigurableResource):  # type: ignore[type-arg]  # the resource is the value
    """One bucket; `url` is "" where none is set, which leaves only the studio's own files to look at."""

    url: str = ""

    @property
    def is_set(self) -> bool:
        """Whether there is a bucket."""
        return bool(self.url)

    @property
    def label(self) -> str:
        """Its URL without a password."""
        return without_secrets(self.url, longest=200)

    @cached_property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        if "://" not in self.url:
            return Path(self.url).expanduser().absolute()
        return Path(self.url.removeprefix("file://")) if self.url.startswith("file://") else None

    @property
    def _is_unmade(self) -> bool:
        """Whether it is a folder that nobody has made yet: looking at it finds nothing, the first upload makes it."""
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise PermanentError(f"{SETTING} is {self.label}, which is a file; name a folder, s3://... or gs://...")
        return self.folder is not None and bool(self.url) and not self.folder.exists()

    @property
    def _is_google(self) -> bool:
        return self.url.startswith("gs:")

    @cached_property
    def _store(self) -> ObjectStore:
        if not self.url:
            raise Unavailable(
                f"there is no bucket; set {SETTING} to a folder, s3://bucket/prefix or gs://bucket/prefix"
            )
        with self._plainly(""):
            if self.folder is not None:
                return LocalStore(self.folder, mkdir=True)
            scheme, _, rest = self.url.partition("://")
            if scheme not in ("s3", "s3a", "gs") or not rest.strip("/"):
                raise PermanentError(
                    f"{SETTING} is {self.label}; write a folder, s3://bucket/prefix or gs://bucket/prefix"
                )
            options: dict[str, Any] = {"retry_config": _RETRIES, "client_options": dict(_TIMES)}
            if scheme != "gs":
                endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
                options["client_options"]["allow_http"] = endpoint.startswith("http://")
                if os.environ.get("AWS_PROFILE") and not os.environ.get("AWS_ACCESS_KEY_ID"):
                    from obstore.auth.boto3 import Boto3CredentialProvider  # boto3 takes half a second to load

                    options["credential_provider"] = Boto3CredentialProvider()
            return from_url(self.url, **options)

    # looking

    def listed(self, prefix: str = "", *, after: str = "") -> Iterator[Held]:
        """Every object whose key begins with `prefix`, page by page; `after` a key, where one is given, in its order.

        Raises:
            PermanentError: no such bucket, or these credentials may not list it.
            TransientError: it does not answer.
        """
        if self._is_unmade:
            return
        whole, _, _ = prefix.rpartition("/")  # stores list by whole names, people ask for the begin of one
        with self._plainly(""):
            found = obstore.list(self._store, whole or None, offset=after or None, chunk_size=PAGE)
            for page in found:
                for entry in page:
                    if entry["path"].startswith(prefix):
                        yield Held(entry["path"], entry["size"])

    def page(self, prefix: str, count: int, after: str = "") -> tuple[list[Held], bool]:
        """The first `count` objects after a key, sorted, and whether there are more."""
        if self.folder is not None:  # a folder lists in no order
            every = sorted((one for one in self.listed(prefix) if one.key > after), key=lambda one: one.key)
            return every[:count], len(every) > count
        found = [*islice(self.listed(prefix, after=after), count + 1)]
        return found[:count], len(found) > count

    def look(self, key: str) -> Held | None:
        """One object with its metadata, None where there is none."""
        if self._is_unmade:
            return None
        with self._plainly(key):
            try:
                found = obstore.get(self._store, key, options={"head": True})
            except FileNotFoundError:
                return None
        told = {name.lower(): str(value) for name, value in found.attributes.items()}
        meta = found.meta
        version = (meta["version"] if self._is_google else meta["e_tag"]) or ""
        held = Held(key, meta["size"], told.get("sha256", ""), told.get("contract_signature", ""), version)
        return replace(held, sha256=self.sha256(key)) if self.folder is not None else held

    def look_at_all(self, keys: Sequence[str]) -> list[Held]:
        """Those of many objects that are (still) there, with their metadata."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [held for held in pool.map(self.look, keys) if held is not None]

    def sha256(self, key: str) -> str:
        """The sha256 of what is there now; it is downloaded for that.

        Raises:
            BucketGone: there is nothing.
        """
        digest = hashlib.sha256()
        for chunk in self._chunks(key):
            digest.update(chunk)
        return digest.hexdigest()

    def hashed(self, held: Sequence[Held]) -> list[Held]:
        """The objects with the sha256 of their bytes, not the one that they tell; those that are gone are left out."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [one for one in pool.map(self._hashed, held) if one is not None]

    def _hashed(self, held: Held) -> Held | None:
        try:
            return replace(held, sha256=self.sha256(held.key))
        except BucketGone:
            return None

    # moving

    def upload(self, path: Path, wanted: Wanted, held: Held | None) -> None:
        """Put a file there in place of `held` (None: of nothing), and read back what is there then.

        Raises:
            PermanentError: the file is not that of the index, or what is there afterwards is not the file.
            ChangedMeanwhile: somebody else wrote it since; nothing of theirs is replaced, where the server can tell.
        """
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != wanted.sha256:
            raise PermanentError(f"{wanted.key} is not uploaded: its sha256 is not that of the index")
        self._put(wanted, data, held)
        if self.sha256(wanted.key) != wanted.sha256:
            raise PermanentError(f"{wanted.key} was uploaded, but {self.label} holds other bytes; upload it again")

    def _put(self, wanted: Wanted, data: bytes, held: Held | None) -> None:
        mode: Any = "create" if held is None else {"version" if self._is_google else "e_tag": held.version}
        if self.folder is not None or (held is not None and not held.version):
            mode = "overwrite" if held is not None else "create"
        told = {"sha256": wanted.sha256, "Content-Type": _type_of(wanted.key)}
        if wanted.made_under:
            told["contract_signature"] = wanted.made_under
        with self._plainly(wanted.key):
            try:
                obstore.put(
                    self._store, wanted.key, data, mode=mode, attributes=None if self.folder is not None else told
                )
            except (AlreadyExistsError, PreconditionError):
                now = self.look(wanted.key)
                if now is None or now.sha256 != wanted.sha256:
                    raise ChangedMeanwhile(
                        f"{wanted.key} in {self.label} was written by somebody else meanwhile; run the audit again"
                    ) from None
            except NotSupportedError:  # a server without conditions
                obstore.put(self._store, wanted.key, data, attributes=told)

    def download(self, key: str, target: Path, sha256: str = "") -> str:
        """Put an object into a file, in one step once all of it is there and is what it should be; answers its sha256.

        `sha256` is what it should be; "" takes the object's word for it.

        Raises:
            BucketGone: there is no such object.
            PermanentError: it is damaged; the file that was there stays.
        """
        held = self.look(key)
        if held is None:
            raise BucketGone(f"there is no {key} in {self.label}")
        wanted, digest, size = sha256 or held.sha256, hashlib.sha256(), 0
        with replacing(target) as out:
            for chunk in self._chunks(key):
                digest.update(chunk)
                size += out.write(chunk)
            if size != held.size or (wanted and digest.hexdigest() != wanted):
                other = "that of the index" if sha256 else "the one that it tells"
                raise PermanentError(
                    f"{key} in {self.label} is damaged: its sha256 is not {other}; nothing was written, upload it again"
                )
        return digest.hexdigest()

    def _chunks(self, key: str) -> Iterator[bytes]:
        with self._plainly(key):
            try:
                for chunk in obstore.get(self._store, key).stream():
                    yield bytes(chunk)
            except FileNotFoundError as error:
                raise BucketGone(f"there is no {key} in {self.label} (any more)") from error

    @contextmanager
    def _plainly(self, key: str) -> Iterator[None]:
        """Within: what obstore reports becomes one sentence, without a server's own words: they may hold secrets."""
        try:
            yield
        except FileNotFoundError as error:
            if key:
                raise
            raise PermanentError(f"there is no bucket {self.label}; make it, or correct {SETTING}") from error
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, OSError, NotImplementedError) as error:
            raise self._said(key, error) from None  # the cause holds requests and signatures

    def _said(self, key: str, error: Exception) -> Exception:
        text = str(error)
        code = _CODE.search(text)
        where = f"{key} in the bucket {self.label}" if key else f"the bucket {self.label}"
        said = code[1] if code else next((word for word in _REFUSED if word in text), "")
        if said in ("NoSuchBucket", "InvalidBucketName"):
            return PermanentError(f"there is no bucket {self.label} ({said}); make it, or correct {SETTING}")
        is_without_keys = any(word in text for word in _ASKED_FOR_KEYS)
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or said in _REFUSED or is_without_keys:
            return PermanentError(f"{where} can not be used {self._blame(said or 'refused')}")
        if isinstance(error, PermissionError):
            return PermanentError(f"{where} can not be read or written by this user")
        if any(word in text for word in _NO_ANSWER):
            return TransientError(f"{where} does not answer; look at its address (AWS_ENDPOINT_URL), then run again")
        status = re.search(r"status code: (\d{3} [\w ]+)", text)
        detail = said or (status[1] if status else without_secrets(text.splitlines()[0] if text else "", longest=160))
        return TransientError(f"{where} can not be used: {detail}; run again")

    def _blame(self, said: str) -> str:
        """What a refusal says of the credentials: none are given, or they are wrong."""
        names = (_GOOGLE_KEY,) if self._is_google else _AWS_KEYS
        unset = [name for name in names if not os.environ.get(name)]
        if unset and not (os.environ.get("AWS_PROFILE") and not self._is_google):
            return f"without credentials ({said}); set {' and '.join(unset)}"
        return f"with these credentials ({said}); check {' and '.join(names)}"


def _type_of(key: str) -> Literal["audio/wav", "application/json"]:
    return "application/json" if key.endswith(".json") else "audio/wav"
