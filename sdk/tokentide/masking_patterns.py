"""What is masked in texts: one row for each form, confirmed by its check digits or its make-up where it has any.

The time is in proportion to the text. A search goes on one character after the start of what a check has refused, so a
row with a check matches a bounded length. Digits are 0 to 9.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from tokentide.masking_checks import Span, card, email, iban, ipv4, ipv6, key, phone, secret, token, whole

# A word begins here. In JSON within a text the n of a line break stands right before it.
_START: Final = r"(?:(?<![^\W_])|(?<=\\[nrt]))"
_GAP: Final = "[ .\u00a0\u202f\u2010\u2011\u2013-]"
# After the name of a secret: group 1 is what stands between quotes, or else one word.
_VALUE: Final = (
    r"""\\?["']?\s{0,3}(?:=>|:=|[:=])\s{0,3}\\?["']?"""
    r"""((?<=")[^"\n]{3,2000}(?=")|(?<=')[^'\n]{3,2000}(?=')|[^\s"'`,;&<>(){}\[\]\\]{4,2000})"""
)


class Pattern(NamedTuple):
    """One row: the span that `check` finds in a match of `regex` is replaced by `[name]`.

    With `starts`, which are in lower case, a match begins with one of them; this is quicker than a search.
    """

    name: str
    regex: re.Pattern[str]
    starts: tuple[str, ...] = ()
    check: Callable[[re.Match[str]], Span] = whole


PATTERNS: Final = (
    Pattern(
        "private_key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]{0,20000}(?:-(?!----)[^-]{0,20000}){0,40}-----END [A-Z0-9 ]{0,60}-----|[A-Za-z0-9+/=\s\\]*(?<!\s))"
        ),
        ("-----begin ",),
    ),
    Pattern("jwt", re.compile(_START + r"(?<!-)(?<!_)eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", re.ASCII), ("eyj",)),
    Pattern("api_key", re.compile(_START + "(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"), ("akia", "asia")),
    Pattern(
        "api_key",
        re.compile(_START + r"[\w.-]{20,520}(?<![.-])", re.ASCII),
        (
            "sk-",  # OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse
            *("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),  # Stripe
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            "glpat-",  # GitLab
            *("xox", "xapp-"),  # Slack
            *("aiza", "ya29.", "gocspx-"),  # Google
            "hf_",  # Hugging Face
            "gsk_",  # Groq
            "xai-",
            "pplx-",  # Perplexity
            "nvapi-",  # NVIDIA
            "csk-",  # Cerebras
            "r8_",  # Replicate
            "tgp_v1_",  # Together
            "fw_",  # Fireworks
            "tvly-",  # Tavily
            *("lsv2_pt_", "lsv2_sk_"),  # LangSmith
            "npm_",
            "dop_v1_",  # DigitalOcean
            "dapi",  # Databricks
            "sg.",  # SendGrid
        ),
        key,
    ),
    Pattern(
        "iban",
        re.compile(
            r"[0-9]{2}(?<=[A-Za-z]{2}..)(?:(?<![^\W_].{4})|(?<=\\[nrt].{4}))(?:" + _GAP + "?[A-Za-z0-9]){11,31}"
        ),
        check=iban,
    ),
    Pattern(
        "card",
        re.compile(
            rf"[2-6](?<![0-9].)(?<![0-9]\..)(?:[0-9]{{12,18}}|[0-9]{{3}}(?:{_GAP}{{0,3}}[0-9]{{4}}){{3}}"
            rf"(?:{_GAP}[0-9]{{1,3}})?|[0-9]{{3}}{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4,5}})(?!\.?[0-9])"
        ),
        check=card,
    ),
    Pattern("secret", re.compile(r"""://[^\s/:@"']{0,100}:([^\s/@"']{1,200})@"""), ("://",)),
    Pattern(
        "secret",
        re.compile(
            r"""authorization\\?["']?\s{0,2}[:=]\s{0,2}\\?["']?(?:[a-z]{3,10} )?([\w.~+/=:-]{6,2000})""",
            re.IGNORECASE | re.ASCII,
        ),
        ("authorization",),
        token,
    ),
    Pattern("secret", re.compile(r"bearer[ :=]{1,3}([\w.~+/=-]{8,2000})", re.IGNORECASE), ("bearer",), token),
    Pattern(
        "secret",
        re.compile(rf"(?:passw(?:or)?[dt]|passphrase|passcode|pwd|secret)(?:[_-]?key)?{_VALUE}", re.IGNORECASE),
        ("passw", "passphrase", "passcode", "pwd", "secret"),
        secret,
    ),
    Pattern(
        "secret",
        re.compile(
            "(?:token|credentials?|(?:api|access|account|private|encryption|signing|subscription)[ _-]?key)" + _VALUE,
            re.IGNORECASE,
        ),
        ("token", "credential", "api", "access", "account", "private", "encryption", "signing", "subscription"),
        token,
    ),
    Pattern("email", re.compile(r"(?:@|%40)[^\W_][\w.-]{0,250}\.[^\W\d_]{2,}"), ("@", "%40"), email),
    Pattern("ip", re.compile(r"[0-9](?<![\w.].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?!\w)(?!\.\w)"), check=ipv4),
    Pattern("ip", re.compile("[23Ff](?<![^\\W_].)(?<![:.].)[0-9A-Fa-f]{3}:[0-9A-Fa-f:.]{2,41}"), check=ipv6),
    Pattern(
        "phone",
        re.compile(r"(?<![\w+.])(?:\+|00)[1-9][0-9 ()./\u00a0-]{5,24}[0-9](?![0-9])"),
        ("+", "00"),
        phone,
    ),
    Pattern(
        "phone",
        re.compile(
            r"[(0-9](?<![\w.,/-].)(?:(?<=[2-9])[0-9]{2}[ .-][0-9]{3}[.-][0-9]{4}"  # 415-555-0132
            r"|(?<=1)[ .-][2-9][0-9]{2}[ .-][0-9]{3}[ .-][0-9]{4}"  # 1 415 555 0132
            r"|(?<=\()0?[0-9]{2,5}\) ?[0-9]{3,5}[ -]?[0-9]{4}"  # (415) 555-0132
            r"|(?<=0)[1-9](?:[ .-][0-9]{2}){4}"  # 01 23 45 67 89
            r"|(?<=0)[1-9][0-9]{1,4}(?: ?/ ?| |-(?=[0-9]{5}))[0-9]{2,8}(?:[ -][0-9]{2,5}){0,3})"  # 030 1234567
            r"(?![\w-])(?!\.[0-9])"
        ),
        check=phone,
    ),
    Pattern(
        "phone",
        re.compile(
            r"(?:tel|telefone?|phone|mobile?|cell|fax|whatsapp|sms|call|handy)(?![^\W_])[^0-9\n(+]{0,16}"
            r"([+(]{0,2}[0-9][0-9 ()./-]{5,20}[0-9])(?![0-9])",
            re.IGNORECASE,
        ),
        ("tel", "phone", "mobil", "cell", "fax", "whatsapp", "sms", "call", "handy"),
        phone,
    ),
)
