"""URLs of object storage, and the errors of their servers in words.

Addresses and credentials are those of fsspec and of the storage's own configuration, such as
AWS_PROFILE; emgnb has no settings for them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

from emgnb._extras import explained

# Metadata of a group or an array. That of the session itself is written last.
METADATA = "zarr.json"
# Object that exists while a session is being written, and after an interruption.
UNFINISHED = ".emgnb-unfinished"
# Two letters at least: C:\ is a drive.
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+(::[^/]*)*://")
SQUASHED = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/[^/]")
# Parts of the names of error types, of botocore, aiohttp and others.
NO_CREDENTIALS = ("NoCredentials", "PartialCredentials", "ProfileNotFound", "Token", "SSO")
NO_CONNECTION = ("Endpoint", "Connect", "Timeout", "HTTPClientError", "gaierror", "Payload")


def located(path: str | os.PathLike[str]) -> Path | str:
    """Return a URL of object storage as text without a slash at its end, anything else as Path.

    Raises
    ------
    ValueError : a URL that pathlib has changed
    """
    text = os.fspath(path)
    squashed = SQUASHED.match(PurePath(path).as_posix()) if isinstance(path, PurePath) else None
    if squashed is not None:
        raise ValueError(
            f"{text} was a URL, and pathlib has removed one of its slashes. Give it as text, such "
            f'as "{squashed[1]}://bucket/study/p01.zarr"'
        )
    if not URL.match(text):
        return Path(text).expanduser()
    if text.startswith("file://"):
        return Path(re.sub("^/(?=[A-Za-z]:)", "", unquote(urlsplit(text).path)))
    return text.rstrip("/")


def filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it.

    Raises
    ------
    ImportError : a package for this kind of storage is missing; names the extra
    ValueError : fsspec knows no such kind of storage
    """
    with explained(url):
        from fsspec.core import url_to_fs
    try:
        with told(url):
            fs, root = url_to_fs(url)
    except ImportError as error:
        with explained(url):
            if isinstance(error.__cause__, ModuleNotFoundError):
                raise error.__cause__ from None
        raise ImportError(f"{url} needs another package: {error}") from error
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        scheme = url.partition("://")[0]
        raise ValueError(
            f"{url}: fsspec knows no {scheme}://. Expected s3://, gs://, az:// or another of its "
            "protocols (fsspec.available_protocols()), or a path"
        ) from error
    _with_quick_dates(fs)
    return fs, str(root).rstrip("/")


def _with_quick_dates(fs: Any) -> None:
    """Let an S3 client that has not connected yet parse the dates of objects quickly.

    A listing has a date for each object. botocore's own parser needs two thirds of the time that a
    listing takes; the dates are the same.
    """
    if getattr(fs, "session", fs) is not None or not hasattr(fs, "kwargs"):
        return
    with contextlib.suppress(ImportError):
        from aiobotocore.session import AioSession
        from botocore.utils import parse_timestamp

        def parse(text: Any) -> Any:
            if isinstance(text, str) and text.endswith("Z"):
                with contextlib.suppress(ValueError):
                    return datetime.fromisoformat(text)
            return parse_timestamp(text)

        session = AioSession(**fs.kwargs)
        dates = session.get_component("response_parser_factory")
        dates.set_parser_defaults(timestamp_parser=parse)
        fs.session = session


def names_below(url: str) -> list[str]:
    """Return the names directly below a URL; none if nothing is there.

    Raises
    ------
    FileNotFoundError : no such bucket
    PermissionError, ConnectionError : see `told`
    """
    fs, root = filesystem(url)
    with told(url):
        fs.invalidate_cache()
        try:
            found = fs.ls(root, detail=False)
        except FileNotFoundError as error:
            if "bucket" in str(error).lower():
                raise
            return []
    return sorted(name for each in found if (name := last_name(str(each).rstrip("/"))))


def holds_objects(url: str) -> bool:
    """Return whether anything but a claim lies below a URL.

    Some servers show folders for a while after the last object in them has been deleted.
    """
    if not names_below(url):
        return False
    return any(name not in ("", UNFINISHED) for _, _, files in walked(url) for name in files)


def wrote_first(url: str, content: bytes) -> bool:
    """Write an object unless it exists, and return whether it now holds `content`.

    Of several writers at once, one succeeds if the server obeys the condition of S3 (tested with
    SeaweedFS).

    Parameters
    ----------
    url : of the object
    content : must differ between writers. Servers report an existing object with different
        errors, and a request that is repeated after a broken connection finds its own object, so
        the content decides

    Raises
    ------
    FileNotFoundError, PermissionError, ConnectionError : see `told`
    """
    # A server that ignores the condition would replace an object.
    if (found := content_of(url)) is None:
        fs, key = filesystem(url)
        with told(url):
            try:
                fs.pipe_file(key, content, mode="create")
            except Exception:
                if content_of(url) is None:
                    raise
        found = content_of(url)
    return found == content


def content_of(url: str) -> bytes | None:
    """Return the content of an object, None if there is no such object or bucket.

    Raises
    ------
    PermissionError, ConnectionError : see `told`
    """
    fs, key = filesystem(url)
    with told(url):
        try:
            return bytes(fs.cat_file(key))
        except FileNotFoundError:
            return None


def walked(url: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield URL, folders and files of each level, as `os.walk` does; removed folders are skipped.

    Raises
    ------
    FileNotFoundError, PermissionError, ConnectionError : see `told`
    """
    fs, root = filesystem(url)
    with told(url):
        fs.invalidate_cache()
        for place, folders, files in fs.walk(root, on_error="raise", detail=True):
            names = sorted(folders)
            yield f"{url}{str(place).rstrip('/')[len(root) :]}", names, sorted(files)
            for name in set(folders) - set(names):
                del folders[name]


@contextlib.contextmanager
def told(url: str) -> Iterator[None]:
    """Say what an object store's error means, and what to do.

    Raises
    ------
    PermissionError : no credentials, wrong ones, or no access
    FileNotFoundError : no such bucket
    ConnectionError : no network, or the server does not answer
    """
    try:
        yield
    except Exception as error:  # each storage has types of its own
        better = _told(url, error)
        if better is None:
            raise
        raise better from error


def _told(url: str, error: BaseException) -> Exception | None:
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) and len(chain) < 8:
        chain.append(before)
    if any(getattr(each, "emgnb_told", False) for each in chain):
        return None
    said = str(error).rstrip(".")
    names = " ".join(type(each).__name__ for each in chain)
    bucket = "/".join(url.split("/")[:3])
    made: Exception | None = None
    if any(word in names for word in NO_CREDENTIALS):
        made = PermissionError(
            f"no credentials for {bucket} ({error}). For S3, set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a public bucket, set FSSPEC_S3_ANON=true"
        )
    elif "NoSuchBucket" in str(chain) or "bucket does not exist" in str(error).lower():
        made = FileNotFoundError(
            f"no bucket {bucket}: check the name, and the server in AWS_ENDPOINT_URL, or create "
            "the bucket first"
        )
    elif isinstance(error, PermissionError):
        made = PermissionError(
            f"{bucket} denies access: {said}. Check the credentials (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY or AWS_PROFILE), and what they are allowed to do in this bucket"
        )
    elif isinstance(error, ConnectionError | TimeoutError) or any(
        w in names for w in NO_CONNECTION
    ):
        made = ConnectionError(
            f"{bucket} cannot be reached: {said}. Check the network, and the server's address in "
            "AWS_ENDPOINT_URL. What is stored there is unchanged"
        )
    if made is not None:
        made.emgnb_told = True  # type: ignore[attr-defined]
        _forget_connections(url)
    return made


def _forget_connections(url: str) -> None:
    """Let the next call connect anew: fsspec keeps connections with the settings of their start."""
    with contextlib.suppress(Exception):
        from fsspec import get_filesystem_class

        get_filesystem_class(url.partition("://")[0]).clear_instance_cache()


def last_name(key: str) -> str:
    """Return the last part of a key."""
    return key.rpartition("/")[2]
