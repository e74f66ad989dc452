"""Merges the two dumps of spacy_dump.py and the Unicode properties of Python into the readable
tables under src/text/tables and src/token/tables, from which tools/tables.py makes the C ones.

    python spacy_tables.py spacy3.json spacy2.json REPOSITORY

Needs the module `regex` for the word-break property. Sets are named by language and version:
`en3` is English under spaCy 3, `en` English under both, `*` everything, `*3` all under spaCy 3.
"""
import json
import os
import re
import sys
import unicodedata

import regex

new, old = (json.load(open(p)) for p in sys.argv[1:3])
root = sys.argv[3]
POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
ALL = "".join(map(chr, POINTS))
SEP = "\u241f"


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return " ".join("%04X" % a if a == b else "%04X-%04X" % (a, b) for a, b in out)


def escape(text):
    out = ""
    for ch in text:
        if ch == "\\":
            out += "\\\\"
        elif ch != " " and (ch.isspace() or unicodedata.category(ch)[0] == "C") or ch == SEP:
            out += "\\u%04x" % ord(ch)
        else:
            out += ch
    return out


def write(path, head, rows):
    with open(os.path.join(root, path), "w", encoding="utf-8", newline="\n") as out:
        out.write("".join("# %s\n" % line for line in head))
        out.writelines("\t".join(row) + "\n" for row in rows)


# ---- Unicode: white space, word characters, digits; final sigma; word boundaries ----
def members(pattern):
    return [ord(c) for c in re.findall(pattern, ALL)]


cased = [c for c in POINTS if ("." + chr(c) + "\u03a3").lower()[-1] == "\u03c2"]
ignorable = [c for c in POINTS if ("A" + chr(c) + "\u03a3").lower()[-1] == "\u03c2"]
rows = [
    ("space", ranges(members(r"\s"))),
    ("word", ranges(members(r"\w"))),
    ("digit", ranges(members(r"\d"))),
    ("cased", ranges(cased)),
    ("ignorable", ranges(set(ignorable) - set(cased))),
    ("pictographic", ranges(ord(c) for c in regex.findall(r"\p{Extended_Pictographic}", ALL))),
]
BREAKS = """CR LF Newline Extend ZWJ Format Regional_Indicator Katakana Hebrew_Letter ALetter
Single_Quote Double_Quote MidNumLet MidLetter MidNum Numeric ExtendNumLet WSegSpace""".split()
for name in BREAKS:
    rows.append(("break " + name, ranges(ord(c) for c in regex.findall(r"\p{Word_Break=%s}" % name, ALL))))
write("src/text/tables/classes.tsv",
      ["Classes of code points, inclusive ranges in hexadecimal.",
       "space, word, digit: \\s, \\w, \\d of Python's re; cased, ignorable: its final-sigma rule (Unicode %s)."
       % unicodedata.unidata_version,
       "pictographic: Extended_Pictographic; break X: Word_Break=X of UAX #29."], rows)

# ---- spaCy's alphabets ----
fresh = set(new["alpha"]) - set(old["alpha"])
for name in ("alpha", "lower", "upper"):
    assert set(old[name]) | fresh == set(new[name]) and not fresh & set(old[name])
assert new["icon"] == old["icon"]
write("src/token/tables/alphabets.tsv",
      ["spaCy's ALPHA, ALPHA_LOWER, ALPHA_UPPER and icons; inclusive ranges in hexadecimal.",
       "fresh: in all three alphabets since spaCy 3, in none before."],
      [(n, ranges(new[n])) for n in ("alpha", "lower", "upper", "icon")] + [("fresh", ranges(fresh))])


# ---- affixes ----
def plain(pieces):
    return [p.replace("\\", "") for p in pieces if p]


def only(a, b):
    return [x for x in a if x not in b]


def chars(points):
    return [chr(c) for c in sorted(points)]


affixes = []


def row(kind, sets, strings):
    if strings:
        affixes.append((kind, sets, " ".join(dict.fromkeys(strings))))


punct, quotes, money = plain(new["punct"]), plain(new["quotes"]), plain(new["currency"])
quotes_old, money_old = plain(old["quotes"]), plain(old["currency"])
row("prefix", "*", ["§", "%", "=", "—", "–"])
row("prefix", "de", ["``"])
row("prefix", "*", punct)
row("prefix", "*", quotes_old)
row("prefix", "*3", only(quotes, quotes_old))
row("prefix", "*", money_old)
row("prefix", "*3", only(money, money_old))
row("suffix", "*", punct)
row("suffix", "*", quotes_old)
row("suffix", "*3", only(quotes, quotes_old))
row("suffix", "en,xx", ["'s", "'S", "’s", "’S", "—", "–"])
row("suffix", "de", ["''", "/"])
row("after-digit", "*", money_old)
row("after-digit", "*3", only(money, money_old))
row("after-digit", "*", plain(new["units"]))
row("quote", "*", chars(old["quoteset"]))
row("quote", "*3", chars(set(new["quoteset"]) - set(old["quoteset"])))
for lang in ("en", "de"):
    a = set(new["langs"][lang]["dot"]) - set(new["lower"])
    b = set(old["langs"][lang]["dot"]) - set(old["lower"])
    assert b <= a
    sets = "en,xx" if lang == "en" else "de"
    row("before-dot", sets, chars(b))
    row("before-dot", ",".join(s + "3" for s in sets.split(",")), chars(a - b))
assert new["langs"]["en"]["dot"] == new["langs"]["xx"]["dot"]
assert new["langs"]["en"]["suffixes"] == new["langs"]["xx"]["suffixes"]
write("src/token/tables/affixes.tsv",
      ["kind, sets, strings. prefix and suffix stand alone; after-digit is a suffix that needs 0-9 before it;",
       "quote: spaCy's quotes inside a bracket expression;",
       "before-dot: what a suffix dot may follow, besides the lower-case alphabet."], affixes)

# ---- exceptions ----
LANGS = ("en", "de", "xx")
found = {}
for version, data in (("3", new), ("2", old)):
    for lang in LANGS:
        for text, (tokens, phrase) in data["langs"][lang]["exceptions"].items():
            assert "".join(tokens) == text
            found.setdefault((text, SEP.join(tokens)), {})[lang + version] = \
                SEP.join(phrase) if len(phrase) > 1 else ""
rows = []
for (text, tokens), where in found.items():
    phrases = list(dict.fromkeys(p for s, p in where.items() if s[-1] == "3")) or [""]
    for phrase in phrases:
        sets = [s for s, p in where.items() if s[-1] == "3" and p == phrase]
        if phrase == phrases[0]:  # spaCy 2 has no phrases: its sets are named once
            sets += [s for s in where if s[-1] == "2"]
        langs3 = [l for l in LANGS if l + "3" in sets]
        langs2 = [l for l in LANGS if l + "2" in sets]
        both = [l for l in LANGS if l in langs3 and l in langs2]
        parts = (["*"] if len(both) == 3 else both)
        parts += ["*3"] if len(langs3) == 3 and not both else [l + "3" for l in langs3 if l not in both]
        parts += ["*2"] if len(langs2) == 3 and not both else [l + "2" for l in langs2 if l not in both]
        rows.append((",".join(parts), escape(text), tokens if tokens != text else "",
                     phrase))
rows.sort()
rows = [(s, t, SEP.join(map(escape, a.split(SEP))) if a else "", SEP.join(map(escape, p.split(SEP))) if p else "")
        for s, t, a, p in rows]
write("src/token/tables/exceptions.tsv",
      ["sets, string, its tokens if more than one, and, where affix rules cut the string, the tokens they make",
       "of it (the phrase pass of spaCy 3 looks for these); U+241F separates tokens; escapes: \\\\ \\uXXXX"], rows)
print(len(rows), "exceptions", len(affixes), "affix rows")
