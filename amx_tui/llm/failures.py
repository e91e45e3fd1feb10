"""What can go wrong with a request, one row a failure: what it is called, why, what to do, how often
to ask again. It decides; it neither waits nor asks.

Statuses and types: platform.kimi.ai/docs/api/errors, and MoonshotAI/kimi-code (`kimi-errors.ts`), by
which the type counts and not the status; openrouter.ai/docs/api/errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from string import Formatter
from types import MappingProxyType

from amx_tui.base.text import one_line
from amx_tui.base.times import moment_in
from amx_tui.llm.model import Failure, FailureKind, Setup
from amx_tui.llm.providers import (
    host_of,
    is_own_base,
    key_page_for,
    limit_page_for,
    other_bases,
    shown_base,
)

# Server messages are quoted up to so many characters.
_QUOTED = 200
_LONGEST_BACKOFF = 60.0


@dataclass(frozen=True, slots=True)
class When:
    """A sentence that is meant only where `word` is known, whether it is in it or not."""

    word: str
    sentence: str


Sentence = str | When


@dataclass(frozen=True, slots=True)
class FailureRow:
    """`what`, `why` and `remedy` are tried in order: the first whose every `{word}` is known is said.
    `_words` lists what is always known of a setup.

    `attempts` is the most requests that a call makes when this failure comes each time, `first_wait`
    the seconds before the second of them, doubled for each later one. `leaves_rest`: when it breaks
    off an answer, asking for what is missing may help.
    """

    what: tuple[Sentence, ...]
    why: tuple[Sentence, ...]
    remedy: tuple[Sentence, ...]
    attempts: int = 1
    first_wait: float = 1.0
    hits_all: bool = False
    leaves_rest: bool = False


_SAID = "It said: {said}"
_TRY_LATER = "Press t to try again in a while, or P for another profile"

FAILURES: Mapping[FailureKind, FailureRow] = MappingProxyType(
    {
        FailureKind.KEY_REJECTED: FailureRow(
            what=(
                "The API key from {key_source} cannot be sent: {key_fault}",
                "{provider} refused the API key {key_hint} from {key_source}",
                "{provider} refused the API key from {key_source}",
                "{provider} wants an API key, and none was sent",
            ),
            why=(
                When("key_fault", "It was copied with something around it"),
                When("no_key", "It answers nobody without one"),
                "Keys of {provider} start with {key_prefix}, and this one does not",
                "Keys of {host} and {other_hosts} are not interchangeable, and this one was sent to {host}",
                "It may be mistyped, revoked, or made for another provider",
            ),
            remedy=(
                When(
                    "key_source",
                    "Press P: either set the API base to {other_bases}, if the key was made there, or"
                    " enter a key made at {key_page}",
                ),
                "Press P and enter a key made at {key_page}",
                "Press P and enter a key that {host} accepts",
            ),
            hits_all=True,
        ),
        FailureKind.FORBIDDEN: FailureRow(
            what=("{provider} does not let this key use {model}",),
            why=(
                _SAID,
                "The account may lack the right to this model, or be made for another client",
            ),
            remedy=(
                "Press P and choose another model or key; keys are made at {key_page}",
                "Press P and choose another model or key",
            ),
            hits_all=True,
        ),
        FailureKind.MODEL_MISSING: FailureRow(
            what=(
                "{provider} retired {model} on {retired}",
                When("wrong_path", "{host} has nothing at this address"),
                "{provider} has no model {model} for this key",
            ),
            why=(
                "{wrong_path}",
                "{successor} took its place",
                _SAID,
                "It may be mistyped, or not open to this account",
            ),
            remedy=(
                When("wrong_path", "Press P and check the API base {base}: most end in /v1"),
                "Press P and choose {successor}, or stay with this model at OpenRouter: provider"
                " openrouter, model {openrouter_id}",
                "Press P and choose {successor}",
                "Press P and choose another model",
            ),
            hits_all=True,
        ),
        FailureKind.RATE_LIMITED: FailureRow(
            what=("{provider} limits how much this account may ask at once (429)",),
            why=(_SAID, "New accounts have low limits"),
            # Said while it is waited out as well.
            remedy=(
                When(
                    "tokens",
                    "Press t to try again, or lower column_batch_size (now {batch_size}): tokens are"
                    " what is counted. A higher tier is asked for at {limit_page}",
                ),
                "Press t to try again, lower column_batch_size (now {batch_size}), or ask for a higher"
                " tier at {limit_page}",
                "Press t to try again, lower column_batch_size (now {batch_size}), or ask {provider}"
                " for a higher tier",
            ),
            attempts=7,
            first_wait=1.0,
            leaves_rest=True,
        ),
        # Asking again today would only be refused again.
        FailureKind.DAY_LIMITED: FailureRow(
            what=("The limit of the day at {provider} is reached (429)",),
            why=(_SAID, "This account may ask only so much a day"),
            remedy=(
                "Press t from {reset} on; or P for another profile. A higher tier is asked for at"
                " {limit_page}",
                "Press t from {reset} on; or P for another profile",
                "Press t tomorrow, when the count begins anew, or P for another profile. A higher tier is"
                " asked for at {limit_page}",
                "Press t tomorrow, when the count begins anew, or P for another profile",
            ),
            hits_all=True,
        ),
        FailureKind.OVERLOADED: FailureRow(
            what=("{provider} is overloaded",),
            why=(_SAID, "It has more to do than it can, for everybody"),
            remedy=(_TRY_LATER,),
            attempts=5,
            first_wait=2.0,
            leaves_rest=True,
        ),
        FailureKind.QUOTA_SPENT: FailureRow(
            what=("The account at {provider} has no balance or quota left",),
            why=(_SAID, "It is spent, or the account is suspended"),
            remedy=(
                "Recharge it (the console is where keys are made: {key_page}), then press t; or P for"
                " another profile",
                "Recharge it, then press t; or P for another profile",
            ),
            hits_all=True,
        ),
        FailureKind.CONTEXT_OVERFLOW: FailureRow(
            what=("The request is too long for {model}",),
            why=(
                "The prompt alone has {counted}, and its context is {context}",
                _SAID,
                "Its context is {context} tokens, for prompt and answer together",
            ),
            remedy=(
                "Press P and lower column_batch_size (now {batch_size}), or choose a larger context",
            ),
        ),
        FailureKind.CONTENT_FILTERED: FailureRow(
            what=("{provider} refused to read or answer this for its content",),
            why=(_SAID, "A name, a comment or a sample looks forbidden to its filter"),
            remedy=(
                "Press s to see what was sent and choose a stricter privacy level, or describe these"
                " columns yourself",
            ),
        ),
        FailureKind.BAD_REQUEST: FailureRow(
            what=(
                "{provider} does not accept the request ({status})",
                "{provider} does not accept the request",
            ),
            why=(_SAID, "It gave no reason"),
            remedy=("Press v to read the request, or P to choose another model",),
        ),
        FailureKind.REDIRECTED: FailureRow(
            what=("{host} sends us elsewhere: {location}", "{host} sends us elsewhere"),
            why=("The key belongs to {host}, so it is not carried there",),
            remedy=("Press P and set the API base to the right address, if you trust it",),
            hits_all=True,
        ),
        FailureKind.SERVER_ERROR: FailureRow(
            what=("{provider} failed ({status})", "{provider} failed while answering"),
            why=(_SAID, "Something broke on its side"),
            remedy=(_TRY_LATER,),
            attempts=4,
            leaves_rest=True,
        ),
        FailureKind.UNREACHABLE: FailureRow(
            what=("{host} cannot be reached: {cause}", "{host} cannot be reached"),
            why=(
                When(
                    "bad_address", "The API base {base} is no address that a request can be sent to"
                ),
                When("no_name", "The name cannot be resolved: no network, or a mistyped API base"),
                When("refused", "Nothing listens there; the server may not be running"),
                When(
                    "proxy",
                    "A proxy is set in the environment, and the connection through it failed",
                ),
                "The network, a firewall or a missing proxy (HTTPS_PROXY) may be in the way",
            ),
            remedy=(
                When(
                    "proxy",
                    "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, name and password in them too, then"
                    " start again",
                ),
                "Press t to try again, or P to check the API base {base}",
            ),
            attempts=3,
            hits_all=True,
        ),
        FailureKind.TLS: FailureRow(
            what=(
                When("certificate", "The certificate of {host} cannot be trusted"),
                "No safe connection to {host}",
            ),
            why=(
                "{cause}. Something between here and there may replace certificates, as company"
                " networks do",
                "Something between here and there may replace certificates, as company networks do",
            ),
            remedy=(
                "Check that AMX_CA_BUNDLE ({ca_bundle}) holds the right certificate, then start again",
                "Set AMX_CA_BUNDLE to a file with your network's root certificate, then start again",
            ),
            hits_all=True,
        ),
        # Not asked again by itself: the second request would cost the thinking once more, and the
        # person who set the limit wants to hear of it then.
        FailureKind.SILENCE: FailureRow(
            what=(
                "{provider} said nothing for {seconds} s ({phase})",
                "{provider} said nothing for {limit} s",
            ),
            why=(
                When(
                    "is_connecting",
                    "No connection came about: a firewall may swallow it, or a proxy be missing"
                    " (HTTPS_PROXY)",
                ),
                When("is_first", "Thinking models can be slow to begin"),
                "The connection may have gone dead",
            ),
            remedy=(
                "Press t to try again; + gives a request more time while it waits, and"
                " AMX_LLM_TIMEOUT_SEC (now {limit}) gives it to all",
            ),
            leaves_rest=True,
        ),
        FailureKind.CUT: FailureRow(
            what=(
                When("has_text", "{provider} broke off in mid-answer"),
                "{provider} closed the connection",
            ),
            why=("{cause}", "The network or the provider ended it before it was complete"),
            remedy=(When("has_text", "Press t to ask for what is missing"), "Press t to try again"),
            attempts=3,
            leaves_rest=True,
        ),
        FailureKind.MALFORMED: FailureRow(
            what=(
                When("is_page", "{host} answered with a web page"),
                "{provider} answered with something unreadable",
            ),
            why=(
                When(
                    "is_page",
                    "The API base {base} may be wrong, or a network login page is in between",
                ),
                "It begins: {said}",
                "It was empty",
            ),
            remedy=("Press P to check the API base, or t to try again",),
            attempts=2,
            leaves_rest=True,
        ),
        FailureKind.NOTHING_VISIBLE: FailureRow(
            what=(
                "{model} spent all {spent} tokens on thinking and answered nothing",
                "{model} answered nothing",
            ),
            why=(
                When("budget", "Thinking counts against the output budget"),
                "It ended without a word",
            ),
            remedy=(
                "Set AMX_LLM_MIN_MAX_TOKENS above {budget} (such as {more}), or lower column_batch_size"
                " (now {batch_size}) or AMX_REASONING_EFFORT, then press t",
                "Press t to try again; setting AMX_LLM_MIN_MAX_TOKENS (now {floor}) higher gives it"
                " more room",
            ),
            attempts=2,
        ),
    }
)

# An error's own type says more than its status.
_KIND_OF_TYPE: Mapping[str, FailureKind] = MappingProxyType(
    {
        "invalid_authentication_error": FailureKind.KEY_REJECTED,
        "incorrect_api_key_error": FailureKind.KEY_REJECTED,
        "invalid_api_key": FailureKind.KEY_REJECTED,
        "authentication_error": FailureKind.KEY_REJECTED,
        "permission_denied_error": FailureKind.FORBIDDEN,
        "resource_not_found_error": FailureKind.MODEL_MISSING,
        "model_not_found": FailureKind.MODEL_MISSING,
        "rate_limit_reached_error": FailureKind.RATE_LIMITED,
        "rate_limit_error": FailureKind.RATE_LIMITED,
        "rate_limit_exceeded": FailureKind.RATE_LIMITED,
        "engine_overloaded_error": FailureKind.OVERLOADED,
        "overloaded_error": FailureKind.OVERLOADED,
        "server_unavailable": FailureKind.OVERLOADED,
        "exceeded_current_quota_error": FailureKind.QUOTA_SPENT,
        "insufficient_quota": FailureKind.QUOTA_SPENT,
        "content_filter": FailureKind.CONTENT_FILTERED,
        "context_length_exceeded": FailureKind.CONTEXT_OVERFLOW,
        "server_error": FailureKind.SERVER_ERROR,
        "unexpected_output": FailureKind.SERVER_ERROR,
    }
)
# Sentences that say it where the type does not; matched in this order, on refusals (400 to 429) alone.
_KIND_OF_MESSAGE = (
    (
        re.compile(
            r"insufficient.{0,20}balance|exceeded your current (token )?quota|out of credits", re.I
        ),
        FailureKind.QUOTA_SPENT,
    ),
    (
        re.compile(
            r"exceeded model token limit|context.{0,10}(length|window|size)|maximum.{0,20}context",
            re.I,
        ),
        FailureKind.CONTEXT_OVERFLOW,
    ),
    (
        re.compile(r"flagged|moderation|content.?(filter|policy)|high risk", re.I),
        FailureKind.CONTENT_FILTERED,
    ),
    (re.compile(r"engine is (currently )?overloaded", re.I), FailureKind.OVERLOADED),
    (re.compile(r"max organization|rate limit|too many requests", re.I), FailureKind.RATE_LIMITED),
)
_KIND_OF_STATUS: Mapping[int, FailureKind] = MappingProxyType(
    {
        401: FailureKind.KEY_REJECTED,
        402: FailureKind.QUOTA_SPENT,
        403: FailureKind.FORBIDDEN,
        404: FailureKind.MODEL_MISSING,
        405: FailureKind.MODEL_MISSING,
        407: FailureKind.UNREACHABLE,
        408: FailureKind.SERVER_ERROR,
        410: FailureKind.MODEL_MISSING,
        413: FailureKind.CONTEXT_OVERFLOW,
        429: FailureKind.RATE_LIMITED,
        503: FailureKind.OVERLOADED,
        529: FailureKind.OVERLOADED,
    }
)
# Of a rate limit: what is counted by the day, and what in tokens. Moonshot's own words are RPM, TPM and TPD.
_BY_DAY = re.compile(r"\b[TR]PD\b|per[- ]day|daily|/day", re.I)
_IN_TOKENS = re.compile(r"\bTP[MD]\b|tokens? (per|/) ?(min|day)|token rate", re.I)
# "please try again after 1 seconds" (Moonshot), "in 6m0s" (OpenAI), "wait 2 hours and 5 minutes".
_UNIT = r"(ms|milli\w*|d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])"
_SPAN = re.compile(rf"(\d+(?:\.\d+)?)(?: ?{_UNIT}|(?! ?[a-z\d]))", re.I)
_AFTER = re.compile(
    rf"(?:(?:again|retry) (?:in|after)|wait(?: for)?) ((?:{_SPAN.pattern}(?:,? and |,? )?)+)", re.I
)
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "": 1.0}


def classify(
    status: int | None,
    error_type: str,
    message: str,
    headers: Mapping[str, str],
    setup: Setup,
) -> Failure:
    """The failure that a provider's refusal is, in a person's words.

    `error_type` and `message` are the provider's own, uncleaned, empty where it gave none; `status` is
    None for an error in mid-answer that has no code. `headers` are looked up in lower case.
    """
    kind = _kind(status, error_type, message)
    said = quote(message, setup)
    words = {"said": said}
    if kind is FailureKind.REDIRECTED:
        words["location"] = quote(headers.get("location", ""), setup)
    is_about_model = error_type or setup.model.retired or "model" in message.lower()
    if kind is FailureKind.MODEL_MISSING and not is_about_model:
        words["wrong_path"] = said or "It answered with “not found”"
    if status == 407:
        words |= {"proxy": "yes", "cause": "the proxy wants a name and a password"}
    wait = _asked_wait(headers, message)
    if kind is FailureKind.RATE_LIMITED and _BY_DAY.search(message):
        kind = FailureKind.DAY_LIMITED
    if wait is not None:
        words["reset"] = moment_in(wait)
    if _IN_TOKENS.search(message):
        words["tokens"] = "yes"
    failure = describe(kind, setup, status=status, retry_after=wait, **words)
    return failure if status != 407 else replace_retried(failure, False)


def describe(
    kind: FailureKind,
    setup: Setup,
    *,
    status: int | None = None,
    retry_after: float | None = None,
    **words: str,
) -> Failure:
    """`kind` in words: those of the setup, and `words`, which are already cleaned; an empty one counts
    as unknown. `is_retried` is whether the row asks again at all."""
    row = FAILURES[kind]
    known = {name: word for name, word in (_words(setup, status) | words).items() if word}
    return Failure(
        kind=kind,
        what=_say(row.what, known),
        why=_say(row.why, known),
        remedy=_say(row.remedy, known),
        is_retried=row.attempts > 1,
        hits_all=row.hits_all,
        retry_after=retry_after,
        status=status,
        other_base=known.get("other_base") if kind is FailureKind.KEY_REJECTED else None,
    )


def classify_transport(error: Exception, setup: Setup, *, has_text: bool) -> Failure:
    """The failure that an exception on the way is: DNS, a refused connection, TLS, a proxy, a cut one.
    What is none of httpx's own comes from below it, such as a port that no socket takes. `has_text`:
    part of the answer is there."""
    import socket
    import ssl

    import httpx

    causes = tuple(_causes(error))
    is_from_below = not isinstance(error, httpx.HTTPError)
    # A group says nothing itself; anyio makes one of attempts to connect.
    said = next((one for one in causes if not isinstance(one, BaseExceptionGroup)), error)
    cause = quote(str(said if is_from_below else error), setup)
    # OverflowError is the socket's, for a port; the errors of idna, for a host, are UnicodeErrors.
    is_no_address = is_from_below and isinstance(
        said, (httpx.InvalidURL, OverflowError, UnicodeError)
    )
    if isinstance(error, httpx.UnsupportedProtocol) or (is_no_address and not has_text):
        unreachable = describe(FailureKind.UNREACHABLE, setup, cause=cause, bad_address="yes")
        return replace_retried(unreachable, False)
    if isinstance(error, httpx.DecodingError):
        return describe(FailureKind.MALFORMED, setup, said=cause)
    if any(isinstance(one, ssl.SSLError) for one in causes) and not has_text:
        is_certificate = any(isinstance(one, ssl.SSLCertVerificationError) for one in causes)
        return describe(
            FailureKind.TLS, setup, cause=cause, certificate="yes" if is_certificate else ""
        )
    if isinstance(error, httpx.ProxyError):
        return describe(FailureKind.UNREACHABLE, setup, cause=cause, proxy="yes")
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        refused = any(isinstance(one, ConnectionRefusedError) for one in causes)
        no_name = any(isinstance(one, socket.gaierror) for one in causes)
        reason = "connection refused" if refused else "its name is not known" if no_name else cause
        return describe(
            FailureKind.UNREACHABLE,
            setup,
            cause=reason,
            refused="yes" if refused else "",
            no_name="yes" if no_name else "",
        )
    if is_from_below and not has_text:
        return describe(FailureKind.UNREACHABLE, setup, cause=cause)
    return describe(FailureKind.CUT, setup, cause=cause, has_text="yes" if has_text else "")


def backoff(kind: FailureKind, failures: int) -> float:
    """Seconds to wait after so many failures of a kind (1 the first), before jitter."""
    return float(min(FAILURES[kind].first_wait * 2 ** (failures - 1), _LONGEST_BACKOFF))


def quote(text: str, setup: Setup) -> str:
    """Foreign text for a person: cleaned, one line, shortened, and without the key, should it hold it."""
    key = setup.endpoint.key
    if key is not None and key.secret and key.secret in text:
        text = text.replace(key.secret, key.hint)
    return one_line(text, _QUOTED)


def replace_retried(failure: Failure, is_retried: bool) -> Failure:
    """`failure` with another `is_retried`."""
    return replace(failure, is_retried=is_retried)


def _kind(status: int | None, error_type: str, message: str) -> FailureKind:
    kind = _KIND_OF_TYPE.get(error_type.strip().lower())
    if kind is not None:
        return kind
    if status is None or 400 <= status < 500:
        for pattern, kind in _KIND_OF_MESSAGE:
            if pattern.search(message):
                return kind
    if status is None or status >= 500:
        return _KIND_OF_STATUS.get(status or 500, FailureKind.SERVER_ERROR)
    if 300 <= status < 400:
        return FailureKind.REDIRECTED
    return _KIND_OF_STATUS.get(status, FailureKind.BAD_REQUEST)


def _asked_wait(headers: Mapping[str, str], message: str) -> float | None:
    """Seconds that the provider wants us to wait: `Retry-After` as seconds or as a date; its sentence,
    such as "please try again after 1 seconds"; or `X-RateLimit-Reset`, a moment in seconds or
    milliseconds since 1970 (openrouter.ai/docs/api/reference/limits)."""
    import time

    header = headers.get("retry-after", "").strip()
    seconds: float | None = None
    if header:
        try:
            seconds = float(header)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(header).timestamp() - time.time()
            except (ValueError, OverflowError):
                seconds = None
    if seconds is None and (match := _AFTER.search(message)):
        seconds = sum(float(count) * _unit(name) for count, name in _SPAN.findall(match[1]))
    reset = headers.get("x-ratelimit-reset", "").strip()
    if seconds is None and reset.isascii() and reset.isdigit() and len(reset) in (10, 13):
        seconds = int(reset) / (1000 if len(reset) == 13 else 1) - time.time()
    # Also refuses NaN and infinity, which a header may well say.
    return seconds if seconds is not None and 0 < seconds < 1e7 else None


def _unit(name: str) -> float:
    """Seconds in one of a unit, as sentences name it; a number without one is seconds."""
    name = name.lower()
    return 0.001 if name.startswith(("ms", "milli")) else _UNITS[name[:1]]


def _words(setup: Setup, status: int | None) -> dict[str, str]:
    model, endpoint, settings = setup.model, setup.endpoint, setup.settings
    base, key, row = endpoint.base, endpoint.key, endpoint.provider
    # A key goes from one host of its provider to another, never there from somebody else's.
    others = other_bases(endpoint.provider, base) if is_own_base(endpoint.provider, base) else ()
    return {
        "provider": endpoint.provider.title,
        "host": one_line(host_of(shown_base(base)) or shown_base(base), 80),
        "base": one_line(shown_base(base), 120),
        "other_hosts": " and ".join(map(host_of, others)),
        "other_bases": " or ".join(others),
        "other_base": others[0] if others and key else "",
        "key_source": one_line(key.source, 120) if key else "",
        # Of a short key nothing is shown.
        "key_hint": key.hint if key and key.hint != "…" else "",
        # Said only where the key does not.
        "key_prefix": ""
        if key is None or key.secret.startswith(row.key_prefix)
        else row.key_prefix,
        "no_key": "" if key else "yes",
        "limit_page": limit_page_for(endpoint.provider, base),
        "key_page": key_page_for(endpoint.provider, base),
        "model": one_line(model.id, 80),
        "retired": model.retired or "",
        "successor": model.successor or "",
        "openrouter_id": model.openrouter_id or "",
        "context": f"{model.context:,}".replace(",", " ") if model.context else "limited",
        "batch_size": str(setup.profile.column_batch_size),
        "limit": f"{settings.timeout_seconds:g}",
        "floor": str(settings.min_max_tokens),
        "ca_bundle": one_line(settings.ca_bundle or "", 120),
        "status": str(status) if status else "",
    }


def _say(sentences: tuple[Sentence, ...], words: Mapping[str, str]) -> str:
    for one in sentences:
        sentence, needed = (
            (one.sentence, {one.word}) if isinstance(one, When) else (one, set[str]())
        )
        needed |= {name for _, name, _, _ in Formatter().parse(sentence) if name}
        if needed <= words.keys():
            return sentence.format_map(words)
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything that led to it, once each."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions
