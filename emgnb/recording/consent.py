"""Honour the consent of a participant when a session is exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

# Values of `consent["sharing"]` that forbid giving a session to others.
REFUSED = ("none", "no", "never", "not shared", "private", "false")


def sharing_refused(session: xr.DataTree) -> str:
    """Return why a session must not be given to others, from its consent; empty if it may.

    Parameters
    ----------
    session : session or one of its nodes. Its attribute `consent` is a mapping whose `sharing` says
        with whom the data may be shared, or a text. "none", "no", "never", "private" and whatever
        begins with "not " or "no " refuse

    Returns
    -------
    A clause that quotes the consent, or ""
    """
    consent = session.root.attrs.get("consent")
    stated = consent.get("sharing", "") if isinstance(consent, Mapping) else consent
    return f"the participant's consent says sharing: {stated!r}" if refuses(stated) else ""


def refuses(stated: Any) -> bool:
    """Return whether a statement about sharing forbids it; an absent one (None, "") does not."""
    text = " ".join(str("" if stated is None else stated).lower().split())
    return text in REFUSED or text.startswith(("not ", "no "))


def need_sharing(session: xr.DataTree, *, despite_consent: str | None) -> None:
    """Raise ValueError if the consent does not allow to share a session and no reason is given.

    Parameters
    ----------
    session : session or one of its nodes
    despite_consent : reason to export a session that is not to be shared, in words, or None

    Raises
    ------
    ValueError : the consent refuses, and there is no reason; or the reason is empty
    """
    if despite_consent is not None and not despite_consent.strip():
        raise ValueError("despite_consent is empty: state the reason in words, or leave it out")
    why = sharing_refused(session)
    if why and despite_consent is None:
        name = session.root.attrs.get("participant") or "without a name"
        raise ValueError(
            f"participant {name}: {why}, so the session is not exported. Leave it out. If the copy "
            "stays with those whom the consent names, state that: despite_consent='copy for our "
            "own archive'; on the command line, --despite-consent 'copy for our own archive'"
        )
