"""What went wrong with the Hugging Face Hub, in words that say what to do."""

import contextlib
from collections.abc import Iterator

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)

from assay_tools.errors import InputError, SourceError

_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 401, 403, 404, 429


class Unreachable(SourceError):
    """The Hub itself, so that asking for another model makes no sense."""


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _token_advice(repository: str) -> str:
    return (
        f"with an account that may read it, take a token at {constants.ENDPOINT}/settings/tokens "
        "and set HF_TOKEN to it (or run: hf auth login); where a licence has to be accepted, do "
        f"that first at {constants.ENDPOINT}/{repository}"
    )


def _has_token() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None


def _who() -> str:
    return "your token is not accepted" if _has_token() else "you are not logged in"


def _refused(repository: str, status: int) -> str:
    if status == _FORBIDDEN:
        return (
            f"{repository}: the Hub does not let your token read it (403): it is gated or private; "
            f"ask for access, or accept its licence, at {constants.ENDPOINT}/{repository} with the "
            "account of the token, and see that the token may read gated repositories"
        )
    return (
        f"{repository}: the Hub does not show it (401), and {_who()}: it does not exist, or it is "
        f"private or gated; check the name, or {_token_advice(repository)}"
    )


def _gated(repository: str, status: int) -> str:
    if status == _FORBIDDEN:
        return _refused(repository, status)
    return f"{repository}: it is gated ({status}), and {_who()}; {_token_advice(repository)}"


def _of_status(error: HfHubHTTPError, repository: str) -> str:
    status = error.response.status_code
    if status in (_UNAUTHORISED, _FORBIDDEN):
        return _refused(repository, status)
    if status == _NOT_FOUND:
        return f"{repository}: the Hub has no such model (404); check the name: ORG/NAME"
    if status == _TOO_MANY:
        return f"{repository}: the Hub asks to wait (429, too many requests); try again later"
    return f"{repository}: {constants.ENDPOINT} answers {status}; try again later"


def _of_answer(error: HfHubHTTPError, repository: str, revision: str) -> str:
    if isinstance(error, RevisionNotFoundError):
        return (
            f"{repository}: the Hub has no revision '{revision or 'main'}' of it; name a branch, a "
            "tag or a commit behind the @"
        )
    if isinstance(error, GatedRepoError):
        return _gated(repository, error.response.status_code)
    return _of_status(error, repository)


def _of_network(error: Exception, repository: str) -> str:
    if isinstance(error, OfflineModeIsEnabled):
        return f"{repository}: HF_HUB_OFFLINE is set, so nothing is asked of the Hub; unset it"
    return (
        f"{repository}: {constants.ENDPOINT} cannot be reached ({first_line(error)}); check the "
        "network, a proxy (HTTPS_PROXY) or a mirror (HF_ENDPOINT). A model that is in the Hugging "
        "Face cache, or a folder, needs no network"
    )


def _of_no_hub(error: Exception, repository: str) -> str:
    return (
        f"{repository}: {constants.ENDPOINT} does not answer as a Hub does ({first_line(error)}); "
        "is HF_ENDPOINT a Hub, and does the network ask for a login in a browser first?"
    )


@contextlib.contextmanager
def explained(repository: str, revision: str = "") -> Iterator[None]:
    """Errors of the Hub and of the network as SourceError, those of names as InputError."""
    try:
        try:
            yield
        except LocalEntryNotFoundError as error:  # the library's own words hide what happened
            raise error.__cause__ or error from None
    except HFValidationError as error:
        raise InputError(f"'{repository}' names no model of the Hub: {error}") from None
    except LocalEntryNotFoundError as error:
        raise SourceError(f"{repository}: {first_line(error)}") from None
    except HfHubHTTPError as error:
        raise SourceError(_of_answer(error, repository, revision)) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OfflineModeIsEnabled) as error:
        raise Unreachable(_of_network(error, repository)) from None
    except (ValueError, KeyError, TypeError) as error:  # no JSON, or not the Hub's
        raise Unreachable(_of_no_hub(error, repository)) from None
