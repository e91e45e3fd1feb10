"""Who serves models, as data: a new provider is one more row and no code.

It knows nothing of models, requests or keys themselves; it says where they belong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from amx_tui.base.text import one_line
from amx_tui.llm.model import LlmProblem, Provider

_ROWS = (
    # AMX's page on Kimi gives the .cn base; the .ai one is platform.moonshot.ai's. A key works at the
    # platform that made it only (platform.kimi.ai/docs/api/errors). No key variable of its own.
    Provider(
        id="kimi",
        title="Kimi (Moonshot)",
        bases=("https://api.moonshot.cn/v1", "https://api.moonshot.ai/v1"),
        key_pages=(
            "https://platform.moonshot.cn/console/api-keys",
            "https://platform.moonshot.ai/console/api-keys",
        ),
        platforms=(
            "platform.moonshot.cn or platform.kimi.com",
            "platform.moonshot.ai or platform.kimi.ai",
        ),
        key_prefix="sk-",
        pick_when="a direct relationship with Moonshot",
        has_logprobs=True,
        # The tier rises with what was recharged in all: platform.moonshot.ai/docs/pricing/limits.
        limit_pages=(
            "https://platform.moonshot.cn/docs/pricing/limits",
            "https://platform.moonshot.ai/docs/pricing/limits",
        ),
        # platform.kimi.ai/docs/api/balance: yuan on .cn, dollars on .ai.
        balance_path="/users/me/balance",
        currencies=("¥", "$"),
    ),
    Provider(
        id="openrouter",
        title="OpenRouter",
        bases=("https://openrouter.ai/api/v1",),
        key_variable="OPENROUTER_API_KEY",
        key_pages=("https://openrouter.ai/settings/keys",),
        limit_pages=("https://openrouter.ai/docs/api/reference/limits",),
        key_prefix="sk-or-",
        pick_when="one key for many providers; still serves models that Moonshot has retired",
        lists_for_anyone=True,
        # openrouter.ai/docs, "Get credits"; some kinds of key may not ask.
        balance_path="/credits",
        currencies=("$",),
    ),
    # developers.openai.com/api/docs: `max_tokens` is deprecated, and refused by reasoning models.
    Provider(
        id="openai",
        title="OpenAI",
        bases=("https://api.openai.com/v1",),
        key_variable="OPENAI_API_KEY",
        key_pages=("https://platform.openai.com/api-keys",),
        has_logprobs=True,
        limit_pages=("https://platform.openai.com/settings/organization/limits",),
        key_prefix="sk-",
        pick_when="you already have a key there",
        effort_as="reasoning_effort",
        budget_as="max_completion_tokens",
    ),
    Provider(
        id="deepseek",
        title="DeepSeek",
        bases=("https://api.deepseek.com/v1",),
        key_variable="DEEPSEEK_API_KEY",
        key_pages=("https://platform.deepseek.com/api_keys",),
        has_logprobs=True,
        key_prefix="sk-",
        pick_when="you already have a key there",
        effort_as="none",
    ),
    Provider(
        id="ollama",
        title="Ollama",
        bases=("http://localhost:11434/v1",),
        needs_key=False,
        pick_when="nothing may leave the machine",
        effort_as="none",
    ),
    Provider(
        id="local",
        title="an OpenAI-compatible server",
        bases=("http://localhost:8000/v1",),
        needs_key=False,
        # vLLM and llama.cpp do; one that does not is not asked twice.
        has_logprobs=True,
        pick_when="your own vLLM, llama.cpp, LM Studio or gateway",
        effort_as="none",
    ),
)

# One label of a host's name (RFC 1035); servers of one's own may have an underscore in theirs.
_LABEL = re.compile(r"[a-z0-9_-]{1,63}", re.IGNORECASE)
_LONGEST_NAME = 253

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.id: row for row in _ROWS})


def provider(id: str) -> Provider:
    """The row of `id`, whatever its case.

    Raises:
        LlmProblem: there is no such provider; it lists those that exist.
    """
    row = PROVIDERS.get(id.strip().lower())
    if row is None:
        raise LlmProblem(
            f"There is no provider “{one_line(id, 40)}”",
            f"amx-tui knows {', '.join(PROVIDERS)}",
            "Press P and choose one of them; “local” is any OpenAI-compatible server",
        )
    return row


def fault_of_base(base: str) -> str:
    """What is wrong with an API base, in words that do not repeat it, since it may hold a password; ""
    where a request can be sent to it and it holds no secret."""
    if "@" in base:
        return "Leave out what is before the @: a password has no place here."
    if "?" in base or "#" in base:
        return "Leave out what begins with ? or #: a key has a field of its own."
    if not base.isprintable() or " " in base or "\\" in base:
        return "That is not a URL."
    try:
        parts = urlsplit(base)
        host = parts.hostname or ""
    except ValueError:
        return "That is not a URL."
    if parts.scheme not in ("http", "https") or not host:
        return "A URL such as https://api.moonshot.cn/v1"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return "The port after the : is a number from 1 to 65535."
    return "" if _is_host(host) else "No host can have that name."


def normal_base(base: str) -> str:
    """`base` as every path is put behind it: without white space, the last slash, and the path of the
    chat, which documents of providers often give with it."""
    return base.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")


def shown_base(base: str) -> str:
    """A base as it may be shown: without what `fault_of_base` calls a secret."""
    scheme, mark, rest = base.partition("://")
    if not mark:
        scheme, rest = "", base
    return re.split(r"[?#]", scheme + mark + rest.rpartition("@")[2], maxsplit=1)[0]


def _is_host(host: str) -> bool:
    if ":" in host:
        return True  # an IPv6 address, which urlsplit has checked
    if host.isascii() and "xn--" not in host and re.search("[a-z_]", host):
        labels = host.removesuffix(".").split(".")
        return len(host) <= _LONGEST_NAME and all(map(_LABEL.fullmatch, labels))
    import httpx

    try:
        return bool(httpx.URL(f"https://{host}").host)
    except (httpx.InvalidURL, UnicodeError):  # the errors of idna are such
        return False


def host_of(url: str) -> str:
    """The host of a URL, with its port where it has one and without a password; empty where it is no
    URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def other_bases(row: Provider, base: str) -> tuple[str, ...]:
    """The provider's own bases on another host than `base`: where a key that was refused may belong."""
    return tuple(other for other in row.bases if host_of(other) != host_of(base))


def is_own_base(row: Provider, base: str) -> bool:
    """Whether `base` is on one of the provider's own hosts, and not a proxy's or a server of one's own."""
    return host_of(base) in map(host_of, row.bases)


def key_page_for(row: Provider, base: str) -> str:
    """Where a key that works at `base` is made; the first page where `base` is no base of the row."""
    return _page_for(row, base, row.key_pages)


def limit_page_for(row: Provider, base: str) -> str:
    """Where a higher limit at `base` is asked for; empty where the provider has no such page."""
    return _page_for(row, base, row.limit_pages)


def _page_for(row: Provider, base: str, pages: tuple[str, ...]) -> str:
    for own, page in zip(row.bases, pages, strict=False):
        if host_of(own) == host_of(base):
            return page
    return pages[0] if pages else ""


def currency_at(row: Provider, base: str) -> str:
    """The sign of the currency in which the account at `base` is held; empty where that is not known,
    such as behind a proxy."""
    if len(row.currencies) == 1:
        return row.currencies[0]
    for own, currency in zip(row.bases, row.currencies, strict=False):
        if host_of(own) == host_of(base):
            return currency
    return ""
