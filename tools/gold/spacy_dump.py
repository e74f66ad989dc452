"""Dumps what a blank spaCy tokenizer decides by, as JSON: classes of code points, affix lists,
exceptions. Run once under spaCy 3.8 and once under 2.3.5; spacy_tables.py merges the two.

    python spacy_dump.py > spacy3.json
"""
import json
import re
import sys

import spacy
from spacy.lang import char_classes as cc
from spacy.symbols import ORTH

POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
ALL = "".join(map(chr, POINTS))


def members(pattern):
    return [ord(m) for m in re.findall(pattern, ALL)]


def pieces(rows):
    return [r if isinstance(r, str) else r.pattern for r in rows if r]



def affix_only(lang):
    """The same tokenizer without exceptions: what the phrase pass looks for."""
    tokenizer = spacy.blank(lang).tokenizer
    if spacy.__version__ < "3":
        from spacy.tokenizer import Tokenizer
        t = tokenizer
        return Tokenizer(t.vocab, {}, t.prefix_search, t.suffix_search, t.infix_finditer, None, t.url_match)
    tokenizer.rules = {}
    return tokenizer


def dump(lang):
    nlp = spacy.blank(lang)
    tokenizer, defaults = nlp.tokenizer, nlp.Defaults
    plain = affix_only(lang)
    rules = tokenizer.rules
    exceptions = {}
    for text in rules:
        hit = tokenizer.find_prefix(text) or tokenizer.find_infix(text) or tokenizer.find_suffix(text) or " " in text
        exceptions[text] = [
            [t[ORTH] for t in rules[text]],
            [t.text for t in plain(text)] if hit and spacy.__version__ >= "3" else [],
        ]
    suffixes = pieces(defaults.suffixes)
    dot = [p for p in suffixes if p.startswith("(?<=[") and p.endswith("])\\.")][0]
    return {
        "exceptions": exceptions,
        "prefixes": pieces(defaults.prefixes),
        "suffixes": suffixes,
        "infixes": pieces(defaults.infixes),
        "dot": members(dot[len("(?<="):-len(")\\.")]),
        "url": tokenizer.url_match.__self__.pattern if tokenizer.url_match else None,
        "token_match": bool(tokenizer.token_match),
    }


out = {
    "version": spacy.__version__,
    "alpha": members("[%s]" % cc.ALPHA),
    "lower": members("[%s]" % cc.ALPHA_LOWER),
    "upper": members("[%s]" % cc.ALPHA_UPPER),
    "lowerq": members("[%s%s]" % (cc.ALPHA_LOWER, cc.CONCAT_QUOTES)),
    "upperq": members("[%s%s]" % (cc.ALPHA_UPPER, cc.CONCAT_QUOTES)),
    "icon": members(cc.LIST_ICONS[0]),
    "quoteset": members("[%s]" % cc.CONCAT_QUOTES),
    "punct": cc.LIST_PUNCT, "quotes": cc.LIST_QUOTES, "currency": cc.LIST_CURRENCY,
    "units": cc.LIST_UNITS, "hyphens": cc.HYPHENS.split("|"),
    "langs": {lang: dump(lang) for lang in ("en", "de", "xx")},
}
json.dump(out, sys.stdout)
