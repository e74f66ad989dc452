#!/usr/bin/env python3
"""Turns the readable tables under src/text/tables and src/token/tables into compact C arrays.

    tables.py SRC OUT      writes chars_gen.h, entities_gen.h and token_gen.h into OUT

One two-step trie maps a code point to its class; what a class means is a row of flags, one for
the text rules and one for each rule set of the tokenizer. Strings lie in pools without NULs.
"""
import os
import sys

SRC, OUT = sys.argv[1:3]
SETS = ["en3", "de3", "xx3", "en2", "de2", "xx2"]
SEP = "\u241f"
BREAKS = ["Other", "CR", "LF", "Newline", "Extend", "ZWJ", "Format", "Regional_Indicator", "Katakana",
          "Hebrew_Letter", "ALetter", "Single_Quote", "Double_Quote", "MidNumLet", "MidLetter", "MidNum",
          "Numeric", "ExtendNumLet", "WSegSpace"]
FLAGS = ["SPACE", "WORD", "DECIMAL", "DIGIT", "ALPHA", "LOWER", "UPPER", "QUOTE", "MINUS", "ICON", "HOST",
         "BEFORE_DOT", "PREFIX", "PREFIX_MANY", "SUFFIX", "SUFFIX_MANY", "UNIT_END", "INFIX"]
PROPS = ["space", "word", "cased", "ignorable", "lowers", "pictographic"]


def rows(path):
    with open(os.path.join(SRC, path), encoding="utf-8", newline="\n") as table:
        return [line.rstrip("\n").split("\t") for line in table if not line.startswith("# ") and line.strip()]


def points(text):
    out = set()
    for item in text.split():
        low, _, high = item.partition("-")
        out.update(range(int(low, 16), int(high or low, 16) + 1))
    return out


def set_mask(names):
    mask = 0
    for name in names.split(","):
        lang, version = (name[:-1], name[-1]) if name[-1].isdigit() else (name, "")
        for i, s in enumerate(SETS):
            if lang in ("*", s[:2]) and version in ("", s[2]):
                mask |= 1 << i
    assert mask, names
    return mask


def unescape(text):
    out, i = "", 0
    while i < len(text):
        if text[i] == "\\" and text[i + 1] == "u":
            out += chr(int(text[i + 2:i + 6], 16))
            i += 6
        else:
            i += text[i] == "\\"
            out += text[i]
            i += 1
    return out


def array(kind, name, values, size="", storage="static "):
    text, line = "", ""
    for value in values:
        item = "%s," % value
        if len(line) + len(item) > 96:
            text += "    %s\n" % line
            line = ""
        line += item
    return "%sconst %s %s[%s] = {\n%s    %s\n};\n" % (storage, kind, name, size or len(values), text, line)


# ---- read ----
classes = {r[0]: points(r[1]) for r in rows("text/tables/classes.tsv")}
alphabets = {r[0]: points(r[1]) for r in rows("token/tables/alphabets.tsv")}
lower = {int(a, 16): [int(x, 16) for x in b.split()] for a, b in rows("text/tables/lower.tsv")}
affixes = [(r[0], set_mask(r[1]), r[2].split(" ")) for r in rows("token/tables/affixes.tsv")]
infixes = [(set_mask(r[0]), text, r[2], r[3]) for r in rows("token/tables/infixes.tsv") for text in r[1].split(" ")]
exceptions = [(set_mask(r[0]), unescape(r[1]),
               [unescape(t) for t in r[2].split(SEP)] if r[2] else [unescape(r[1])],
               [unescape(t) for t in r[3].split(SEP)] if r[3] else []) for r in rows("token/tables/exceptions.tsv")]

# ---- flags of single code points, for each rule set ----
flags = [dict() for _ in SETS]


def raise_flag(mask, code, name):
    for i in range(len(SETS)):
        if mask >> i & 1:
            flags[i].setdefault(code, set()).add(name)


ALL = (1 << len(SETS)) - 1
prefix_many, suffix_many, after_digit = [], [], []
shadow = [set() for _ in SETS]
for kind, mask, strings in affixes:
    for s in strings:
        if kind == "prefix":
            for i in range(len(SETS)):
                if not mask >> i & 1 or any(s.startswith(p) for p in shadow[i]):
                    continue
                shadow[i].add(s)
                raise_flag(1 << i, ord(s[0]), "PREFIX" if len(s) == 1 else "PREFIX_MANY")
                if len(s) > 1:
                    prefix_many.append((1 << i, s))
        elif kind == "suffix":
            raise_flag(mask, ord(s[-1]), "SUFFIX" if len(s) == 1 else "SUFFIX_MANY")
            if len(s) > 1:
                suffix_many.append((mask, s))
        elif kind == "after-digit":
            raise_flag(mask, ord(s[-1]), "UNIT_END")
            after_digit.append((mask, s))
        else:
            raise_flag(mask, ord(s), {"quote": "QUOTE", "before-dot": "BEFORE_DOT"}[kind])
for code, name in ((".", "PREFIX_MANY"), ("+", "PREFIX_MANY"), (".", "SUFFIX_MANY"), ("+", "SUFFIX_MANY"),
                   (".", "INFIX"), ("\u2026", "INFIX"), ("-", "MINUS")):
    raise_flag(ALL, ord(code), name)
for mask, text, _, _ in infixes:
    raise_flag(mask, ord(text[0]), "INFIX")
assert not any(set("0123456789") & set(s) for _, s in after_digit)


def token_flags(i, c):
    has = set(flags[i].get(c, ()))
    old = SETS[i][-1] == "2" and c in alphabets["fresh"]
    for name in ("alpha", "lower", "upper"):
        if c in alphabets[name] and not old:
            has.add(name.upper())
    if "LOWER" in has:
        has.add("BEFORE_DOT")
    if c in alphabets["icon"]:
        has.update(("ICON", "PREFIX", "SUFFIX", "INFIX"))
    if c in classes["space"]:
        has.add("SPACE")
    if c in classes["word"]:
        has.add("WORD")
    if c in classes["digit"]:
        has.add("DECIMAL")
    if 0x30 <= c <= 0x39:
        has.add("DIGIT")
    if c < 128 and chr(c).isalnum() or 0xA1 <= c <= 0xFFFF:
        has.add("HOST")
    return sum(1 << FLAGS.index(f) for f in has)


def text_props(c):
    props = 0
    for bit, name in enumerate(PROPS):
        if c in lower if name == "lowers" else c in classes[name]:
            props |= 1 << bit
    for k, name in enumerate(BREAKS[1:], 1):
        if c in classes["break " + name]:
            props |= k << 8
    return props


# ---- the trie ----
special = set().union(*(f.keys() for f in flags))
keys, index_of, class_of = [], {}, [0] * 0x110000
# Code points between two range borders share their class: one is asked for all.
borders = {0, 0x110000, 0x30, 0x3A, 0x41, 0x5B, 0x61, 0x7B, 0xA1, 0x10000}
for group in list(classes.values()) + list(alphabets.values()) + [set(lower), special]:
    borders.update(c for c in group if c - 1 not in group)
    borders.update(c + 1 for c in group if c + 1 not in group)
for c in special:
    borders.update((c, c + 1))
borders = sorted(borders)
for a, b in zip(borders, borders[1:]):
    key = (text_props(a),) + tuple(token_flags(i, a) for i in range(len(SETS)))
    if key not in index_of:
        index_of[key] = len(keys)
        keys.append(key)
    class_of[a:b] = [index_of[key]] * (b - a)
assert len(keys) <= 256, len(keys)
BITS = 6
blocks, block_of, index = [], {}, []
for start in range(0, 0x110000, 1 << BITS):
    block = tuple(class_of[start:start + (1 << BITS)])
    if block not in block_of:
        block_of[block] = len(blocks)
        blocks.append(block)
    index.append(block_of[block])
last = len(index)  # the tail of the index that repeats one block is left out
while last > 1 and index[last - 1] == index[last - 2]:
    last -= 1

# ---- lower-casing: runs with one step and one distance ----
lower_rows = []
for c in sorted(lower):
    if len(lower[c]) > 1 or c < 128:
        assert c == 0x130 or c < 128
        continue
    delta = lower[c][0] - c
    if lower_rows:
        row = lower_rows[-1]
        step = c - row[1]
        if delta == row[3] and (row[2] == 0 and step <= 2 or row[2] == step):
            row[1], row[2] = c, step
            continue
    lower_rows.append([c, c, 0, delta])

# ---- HTML ----
entity_rows = sorted((a.encode(), "".join(chr(int(x, 16)) for x in b.split()).encode())
                     for a, b in rows("text/tables/entities.tsv"))
entity_pool, entity_at = b"", []
for name, value in entity_rows:
    entity_at.append((len(entity_pool), len(name), len(value)))
    entity_pool += name + value
assert len(entity_pool) < 65536
charrefs = [(int(a, 16), 0 if b == "-" else int(b, 16)) for a, b in rows("text/tables/charrefs.tsv")]
assert all(0 < v < 65536 or v == 0 for _, v in charrefs)

chars = ["/* Made by tools/tables.py from src/text/tables. */"]
chars.append(array("uint16_t", "chars_index", index[:last], "CHARS_INDEX_SIZE", ""))
chars.append(array("uint8_t", "chars_blocks", [x for b in blocks for x in b], storage=""))
chars.append(array("uint16_t", "chars_props", [k[0] for k in keys], storage=""))
chars.append(array("struct lower_run", "lower_runs",
                   ["{%d,%d,%d,%d}" % (a, b, s or 1, d) for a, b, s, d in lower_rows]))
assert last == 14345 and BITS == 6, "chars.h states both: %d" % last
entity = ["/* Made by tools/tables.py from src/text/tables. */"]
entity.append(array("unsigned char", "entity_pool", entity_pool))
entity.append(array("struct entity", "entities", ["{%d,%d,%d}" % e for e in entity_at]))
entity.append(array("struct charref", "charrefs", ["{0x%x,0x%x}" % c for c in charrefs]))


# ---- exceptions ----
def starts(tokens):
    at, bits = 0, 0
    for token in tokens:
        bits |= 1 << at
        at += len(token.encode())
    return bits


def spread(data):
    """The hash of src/token/tables.c."""
    size = len(data)
    if size >= 8:
        a, b = int.from_bytes(data[:8], "little"), int.from_bytes(data[-8:], "little")
    elif size >= 4:
        a, b = int.from_bytes(data[:4], "little"), int.from_bytes(data[-4:], "little")
    else:
        a, b = data[0] | data[size >> 1] << 8 | data[-1] << 16, 0
    h = (a ^ (b * 0x9E3779B97F4A7C15 & MASK) ^ size) * 0xD6E8FEB86659FD93 & MASK
    return h >> 32


MASK = (1 << 64) - 1
pool, rows_c, pooled = b"", [], {}
SLOTS = 8192
slots = [0xFFFFFFFF] * SLOTS
first, last_byte = [0] * 256, [0] * 256
phrase_first, phrase_second = [0] * 256, [0] * 256
phrase_tokens = 1
for mask, string, tokens, phrase in exceptions:
    data = string.encode()
    assert len(data) < 32 and "".join(tokens) == string and (not phrase or "".join(phrase) == string)
    assert len(tokens) <= max(1, len(phrase)) + 1 or not phrase
    if data not in pooled:
        at = pool.find(data)
        if at < 0:
            at = len(pool)
            pool += data
        pooled[data] = at
    assert len(rows_c) < 0xFFFF
    slot = spread(data) % SLOTS
    while slots[slot] != 0xFFFFFFFF:
        slot = (slot + 1) % SLOTS
    slots[slot] = spread(data) >> 16 << 16 | len(rows_c)
    first[data[0]] |= 1 << len(data)
    last_byte[data[-1]] |= 1 << len(data)
    if phrase:
        second = phrase[1].encode()[0]
        if phrase_second[second] == 0:  # 0 is: none begins so
            phrase_second[second] = max(phrase_second) + 1
        phrase_first[data[0]] |= 1 << phrase_second[second]
        phrase_tokens = max(phrase_tokens, len(phrase))
    rows_c.append("{%d,%d,%d,0x%x,0x%x}" % (pooled[data], len(data), mask, starts(tokens), starts(phrase) if phrase else 0))


def class_mask(names):
    return "|".join("TABLES_" + n.upper() for n in names.split("|"))


def strings(name, items):
    merged = {}
    for mask, s in items:
        merged[s] = merged.get(s, 0) | mask
    ordered = sorted(merged.items(), key=lambda x: x[0].encode())
    return array("struct affix_string", name,
                 ['{%d,%d,"%s"}' % (m, len(s.encode()), "".join("\\%03o" % b for b in s.encode())) for s, m in ordered])


infixes.sort(key=lambda r: r[1].encode()[0])  # stable: the order of rows stays within one first byte
infix_first = [next((k for k, r in enumerate(infixes) if r[1].encode()[0] >= b), len(infixes)) for b in range(257)]
token = ["/* Made by tools/tables.py from src/token/tables. */"]
token.append("enum { EXCEPTION_SLOTS = %d, EXCEPTION_SIZE_MAX = %d, PHRASE_TOKENS_MAX = %d };\n"
             % (SLOTS, max(len(e[1].encode()) for e in exceptions), phrase_tokens))
token.append(array("uint32_t", "class_flags", ["{%s}" % ",".join("0x%x" % k[1 + i] for k in keys) for i in range(len(SETS))],
                   "TABLES_RULE_SETS][%d" % len(keys)))
token.append(array("uint32_t", "tables_ascii",
                   ["{%s}" % ",".join("0x%x" % keys[class_of[c]][1 + i] for c in range(128)) for i in range(len(SETS))],
                   "TABLES_RULE_SETS][128", ""))
token.append(array("unsigned char", "exception_pool", pool))
token.append(array("struct exception", "exceptions", rows_c))
token.append("#define EXCEPTION_NONE 0xFFFFFFFFu\n")
token.append(array("uint32_t", "exception_slots", ["0x%x" % x for x in slots]))
token.append(array("uint32_t", "tables_exception_first", ["0x%x" % x for x in first], storage=""))
token.append(array("uint32_t", "tables_exception_last", ["0x%x" % x for x in last_byte], storage=""))
assert max(phrase_second) < 64
token.append(array("uint64_t", "tables_phrase_first", ["0x%x" % x for x in phrase_first], storage=""))
token.append(array("uint8_t", "tables_phrase_second", phrase_second, storage=""))
token.append(strings("prefix_strings", prefix_many))
token.append(strings("suffix_strings", suffix_many))
token.append(strings("digit_strings", after_digit))
token.append(array("struct affix_infix", "tables_infixes",
                   ['{%d,%d,"%s",%s,%s}' % (m, len(t.encode()), "".join("\\%03o" % b for b in t.encode()), class_mask(a), class_mask(b))
                    for m, t, a, b in infixes], storage=""))
token.append(array("uint16_t", "tables_infix_first", infix_first, storage=""))
token.insert(1, "/* Flags, low bit first: %s */" % " ".join(FLAGS))

os.makedirs(OUT, exist_ok=True)
for name, parts in (("chars_gen.h", chars), ("entities_gen.h", entity), ("token_gen.h", token)):
    with open(os.path.join(OUT, name), "w", encoding="ascii") as out:
        out.write("\n".join(parts))
if "-v" in sys.argv:
    print("classes", len(keys), "blocks", len(blocks), "index", last, "exceptions", len(rows_c), "pool", len(pool),
          "entities", len(entity_pool), "lower runs", len(lower_rows), "phrase tokens", phrase_tokens)
