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
# Spaces of every width, a full stop, dashes.
_GAP: Final = "[ .\u00a0\u2000-\u200a\u202f\u2010\u2011\u2013-]"
# Between the digits of a card also tabs and line breaks, those of JSON within a text among them.
_CARD_GAP: Final = rf"(?:{_GAP}|[\t\r\n]|\\[nrt])"

_PASSWORD: Final = "(?:passw(?:or)?[dt]|passphrase|passcode|pwd|secret)"
_KEY: Final = "(?:token|credentials?|(?:api|access|account|private|encryption|signing|subscription)[ _-]?key)"
# After the name: its number, and what closes quotes, Markdown and a look-up. JSON within JSON has three backslashes.
_NAME_END: Final = r"""(?:[_-]?[0-9]{1,3})?[\\"'`*]{0,8}(?:(?<=["'])\](?=\s?=\s?[bfru]?["']))?"""
_IS: Final = (
    r"(?:\s{0,40}(?:=>|:=|[:=]|(?:={2,3}|!={1,2})(?=\s?[bfru]{0,2}[\"'`]))"
    r"""|,?\s{0,40}[\\"']{0,8}value[\\"']{0,8}\s{0,3}:)"""  # {"name": "password", "value": "…"}
    r"(?:[*_]{1,3}(?=\s))?"  # **Password:** …
    r"(?:[ \t]{0,40}|\s{0,3})"
)
_OPENING: Final = r"""(?:(?:[bfru]{1,2}(?=["']))?\\{0,7}["'`])?"""
# A whole line but for blanks and the quotes around it, after a name in capitals, as in a file of settings.
_REST: Final = r"""(?-i:(?<=[A-Z]=)|(?<=[A-Z]_[0-9]=))(?!["'`])(?:[^\s"'`\\]|["'`](?=\w)|\\(?![nrt"'])){4,2000}"""
# Not a call or a look-up in code, and with brackets where it goes on after them, as in a generated password.
_WORD: Final = (
    r"(?!(?:[a-z_]{1,100}|[a-z_]\w{0,100}(?:\.[a-z_]\w{0,100}){1,9})[(\[])"
    r"""(?![(){}\[\]])(?:[^\s"'`,;&<>(){}\[\]\\]|[(){}\[\]](?=[\w!#$%*+?@^~])){4,2000}"""
)
# After the name of a secret: the last group is what stands between quotes or tags, or else one word.
_VALUE: Final = (
    rf"(?:{_NAME_END}{_IS}{_OPENING}("
    r"""(?<=[^\\]")(?:[^"\\\n]|\\.){3,2000}(?=")"""
    r"""|(?<=[^\\]')(?:[^'\\\n]|\\.){3,2000}(?=')"""
    r"""|(?<=\\")[^"\n]{2,2000}[^"\\\n](?=\\{1,7}")"""
    r"""|(?<=\\')[^'\n]{2,2000}[^'\\\n](?=\\{1,7}')"""
    r"|(?<=`)[^`\n]{3,2000}(?=`)"
    rf"|{_REST}|{_WORD})"
    r"|>([^<>\n]{3,2000})</)"
)
_ARGUMENT: Final = r"""[ \t]{1,3}(?:"([^"\n]{3,2000})"|'([^'\n]{3,2000})'|([^\s"'`<>\[-][^\s"'`]{3,2000}))"""


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
            r"(?:[^-]{0,20000}(?:-(?!----)[^-]{0,20000}){0,40}-----END [A-Z0-9 ]{0,60}-----"
            r"|[A-Za-z0-9+/=\s\\>]*(?<![\s>]))"  # its end is missing; > where it is quoted
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
            *("npm_", "pypi-"),
            *("hvs.", "hvb."),  # HashiCorp Vault
            *("shpat_", "shpca_", "shppa_", "shpss_"),  # Shopify
            *("glsa_", "glc_"),  # Grafana
            "dop_v1_",  # DigitalOcean
            "dapi",  # Databricks
            "sg.",  # SendGrid
            "pcsk_",  # Pinecone
            "jina_",
            *("sntryu_", "sntrya_", "sntryi_"),  # Sentry
        ),
        key,
    ),
    # Gemini, and Amazon Bedrock and Sentry, whose keys are Base64.
    Pattern(
        "api_key",
        re.compile(
            _START + r"(?:AQ\.[\w-]{20,500}(?<!-)|(?:ABSK|bedrock-api-key-|sntrys_)[A-Za-z0-9+/=_-]{20,4000}(?<!-))",
            re.ASCII,
        ),
        ("aq.", "absk", "bedrock-api-key-", "sntrys_"),
        key,
    ),
    # Voyage: names may begin like that, too.
    Pattern("api_key", re.compile(_START + r"pa-[\w-]{40,50}(?![\w-])", re.ASCII), ("pa-",), key),
    # Docker: the parts between the dashes may be short, and a name has neither digits nor capitals.
    Pattern(
        "api_key",
        re.compile(_START + r"dckr_[op]at_(?=[a-z_-]{0,60}[A-Z0-9])[\w-]{20,60}", re.ASCII),
        ("dckr_pat_", "dckr_oat_"),
    ),
    Pattern("api_key", re.compile(r":(?<=[0-9]{8}:)(AA[\w-]{33})(?![\w-])", re.ASCII), (":aa",)),  # Telegram
    Pattern(
        "iban",
        re.compile(
            r"[0-9][0-9](?<=[A-Za-z]{2}..)(?:(?<![^\W_].{4})|(?<=\\[nrt].{4}))(?:" + _GAP + "?[A-Za-z0-9]){11,31}"
        ),
        check=iban,
    ),
    Pattern(
        "card",
        re.compile(
            rf"[2-6](?<![0-9].)(?<![0-9]\..)(?:[0-9]{{12,18}}|[0-9]{{3}}(?:{_CARD_GAP}{{0,3}}[0-9]{{4}}){{3}}"
            rf"(?:{_GAP}[0-9]{{1,3}})?|[0-9]{{3}}{_CARD_GAP}{{1,3}}[0-9]{{6}}{_CARD_GAP}{{1,3}}[0-9]{{4,5}}"
            rf"|[0-9]{{3}}(?:{_CARD_GAP}{{1,3}}[0-9]{{4}}){{2}}{_CARD_GAP}{{1,3}}[0-9]{{2}})(?!\.?[0-9])"
        ),
        check=card,
    ),
    # The slashes of an address are escaped in some JSON.
    Pattern("secret", re.compile(r""":(?:\\{0,3}/){2}[^\s/:@"']{0,100}:([^\s/@"']{1,200})@"""), ("://", ":\\")),
    Pattern(
        "secret", re.compile(r"hooks\.slack\.com\\{0,3}/[a-z]{5,20}\\{0,3}/([\w/\\-]{19,200}\w)"), ("hooks.slack.com",)
    ),
    # The signature of an Azure or AWS address that gives access.
    Pattern(
        "secret",
        re.compile(r"(?:(?<=[?&;-])|(?<=u0026))sig(?:nature)?=([\w%+/=-]{20,500})", re.IGNORECASE | re.ASCII),
        ("sig=", "signature="),
    ),
    # Of a cookie all but the first name.
    Pattern(
        "secret",
        re.compile(
            rf"cookie{_NAME_END}{_IS}{_OPENING}[\w.-]{{1,100}}="
            r"""([^\s;"'`\\]{1,2000}(?:; [^\s;"'`\\]{1,2000}){0,9})""",
            re.IGNORECASE,
        ),
        ("cookie",),
        secret,
    ),
    Pattern(
        "secret",
        re.compile(
            rf"authorization{_NAME_END}{_IS}{_OPENING}(?:[a-z]{{3,10}} )?([\w.~+/=:-]{{6,2000}})",
            re.IGNORECASE | re.ASCII,
        ),
        ("authorization",),
        token,
    ),
    Pattern("secret", re.compile(r"bearer[ :=]{1,3}([\w.~+/=-]{8,2000})", re.IGNORECASE), ("bearer",), token),
    # curl -u ann:hunter2, also after lines that go on with a backslash.
    Pattern(
        "secret",
        re.compile(
            r"curl(?:[^\n]|(?<=\\)\n){0,200}?\s(?:-[a-z]{0,4}u|--(?:proxy-)?user)"
            r"""[ =]?["']?[^\s:"']{1,100}:([^\s"']{3,200})""",
            re.IGNORECASE,
        ),
        ("curl",),
        secret,
    ),
    # --db-password hunter2; not once more in every place of a line of dashes.
    Pattern("secret", re.compile(rf"(?<![\w-])--[\w-]{{0,40}}?{_PASSWORD}{_ARGUMENT}", re.IGNORECASE), ("--",), secret),
    Pattern("secret", re.compile(rf"(?<![\w-])--[\w-]{{0,40}}?{_KEY}{_ARGUMENT}", re.IGNORECASE), ("--",), token),
    Pattern(
        "secret",
        re.compile(_PASSWORD + "(?:[_-]?key)?" + _VALUE, re.IGNORECASE),
        ("passw", "passphrase", "passcode", "pwd", "secret"),
        secret,
    ),
    Pattern(
        "secret",
        re.compile(_KEY + _VALUE, re.IGNORECASE),
        ("token", "credential", "api", "access", "account", "private", "encryption", "signing", "subscription"),
        token,
    ),
    Pattern(
        "secret",  # a list of them
        re.compile(
            r"""(?:passwords|secrets|api[ _-]?keys)[\\"']{0,8}\s{0,3}[:=]\s{0,3}"""
            r"""\[\s{0,40}\\{0,7}["']([^\[\]]{3,2000}[^\[\]\\])\\{0,7}["'],?\s{0,40}\]""",
            re.IGNORECASE,
        ),
        ("passwords", "secrets", "api"),
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
            r"(?:telefone?|phone|mobile?|whatsapp|"
            # Short words stand alone or after a hump, as in homeTel: not hotel or Halifax.
            r"(?-i:(?<![^\W_])|(?<=[a-z])(?=[A-Z])|(?<=\\[nrt]))(?:tel|cell|fax|sms|handy|"
            r"(?<!_)call(?!\w|\W(?:option|money))))(?![^\W_])[^0-9\n(+]{0,16}"
            r"([+(]{0,2}[0-9][0-9 ()./-]{5,20}[0-9])(?![0-9])",
            re.IGNORECASE,
        ),
        ("tel", "phone", "mobil", "cell", "fax", "whatsapp", "sms", "call", "handy"),
        phone,
    ),
)
