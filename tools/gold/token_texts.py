"""Texts of the tokenizer's own tests, and what the originals make of them, as JSON lines.

    python token_texts.py texts SEED COUNT SPACY_JSON > texts.jsonl     (any Python)
    python token_texts.py answers LANG < texts.jsonl > answers.jsonl    (spaCy 3 + fastai)
    python token_texts.py old LANG < answers.jsonl > old.jsonl          (spaCy 2.3.5)
"""
import json
import random
import sys

SPECIAL = "xxunk xxpad xxbos xxeos xxfld xxrep xxwrep xxup xxmaj".split()


def texts(seed, count, tables):
    r = random.Random(seed)
    known = json.load(open(tables))
    exceptions = {lang: sorted(known["langs"][lang]["exceptions"]) for lang in ("en", "de")}
    units, money = known["units"], [m.replace("\\", "") for m in known["currency"]]
    classes = {k: known[k] for k in ("alpha", "lower", "upper", "icon")}
    marks = [m.replace("\\", "") for m in known["punct"] + known["quotes"] if m] + list("-–—~+=*/\\|^@%$€.…'’°") + ["..", "...", "--", "---"]
    ascii_marks = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    stems = """disk Disk DISK server's can't don’t we'll I've error 404 0x8007 v2.4.1 eth0 10.1.2.3 8.8.8.8 user@example.org
    http://a.example.com/x?y=1 www.example.co.uk ftp://files.example.org foo.Bar foo.bar e-mail 16-bit Wi-Fi x86_64 /var/log
    C:\\new\\temp 5km 20GB 100% $5 5$ US$20 3.5" 12:30pm 10a.m. U.S. Ph.D. etc. i.e. Mr. İstanbul ΣΟΦΟΣ ὈΔΥΣΣΕΎΣ Straße naïve
    漢字 かな カタカナ 안녕 привет-мир :-) :( ;) <3 C++ o'clock y'all gonna cannot N/A A/B &amp; &lt;br&gt; &#8217; &eacute; &notit;
    <br /> <unk> @.@ @-@ nbsp; quot; #39; #146; amp; no No NO a b xxbos XX aB Ab ab. AB. A.B. x=y k:v a,b 1,2 a~b 2*3 2^-1 20°C. 30°F.
    z.B. d.h. geht's Abt. und/oder Müller's «wow» „so“ (s. o.) Nr.5""".split()
    blanks = [" "] * 12 + ["  ", "\n", "\t", " \n", "\n\n", "\u00a0", "\r\n", "\u3000", "\u2009", "\x1c"]

    def char(kind=None):
        return chr(r.choice(classes[kind or r.choice(list(classes))]))

    def anything():
        while True:
            c = r.choice([r.randrange(0x80), r.randrange(0x250), r.randrange(0x3000), r.randrange(0x10000), r.randrange(0x110000)])
            if not 0xD800 <= c <= 0xDFFF:
                return chr(c)

    def wrap(s):
        pick = lambda: r.choice(r.choice([marks, ascii_marks, [""], [""]]))
        return pick() + pick() + s + pick() + pick()

    kinds = {
        "exception": lambda: " ".join(wrap(r.choice(exceptions[r.choice(["en", "en", "de"])])) for _ in range(r.randint(1, 3))),
        "joined": lambda: "".join(r.choice([r.choice(exceptions["en"]), r.choice(marks), r.choice(stems)]) for _ in range(r.randint(2, 5))),
        "emoticon": lambda: r.choice(["", " "]).join(r.choice([":", ")", "(", "-", "8", ";", "<", "3", "=", "/", "'", "D", "P", "o", "0", "_", "^", ".", "|", ">", "*", "]", "\\"]) for _ in range(r.randint(2, 14))),
        "affix": lambda: " ".join(wrap(r.choice(stems)) for _ in range(r.randint(1, 4))),
        "unit": lambda: wrap(str(r.randint(0, 300)) + r.choice(["", ".", "-", "°"]) + r.choice(units + money) + r.choice(["", ".", ",", "s"])),
        "url": lambda: r.choice(["", "http://", "ftp+x://", "://", "x://", "mailto:"]) + r.choice(["", "me@", "me:pw@", "@", "a@b@"])
        + ".".join(r.choice(["www", "a", "x-y", "x_", "-x", "1", "10", "192", "168", "255", "256", "com", "org", "é", "漢", "٣", "172", "16", "COM", ""]) for _ in range(r.randint(1, 5)))
        + r.choice(["", ":80", ":8", ":123456", "/p", "?q=1", "#f", ":80/x"]),
        "repeat": lambda: "".join(r.choice(["a", "A", "é", "漢", "!", "-", ".", " ", "=", "\n", "7", "Σ"]) * r.choice([1, 1, 2, 3, 4, 12]) for _ in range(r.randint(1, 8))),
        "words": lambda: r.choice(["", " ", "\n"]) + r.choice([" ", " ", "  ", "\n", ", "]).join([r.choice(["no", "No", "ha", "é", "x_1", "漢"])] * r.randint(2, 5)) + r.choice(["", ".", " no", "x", " no no", "\n"]) + " " + " ".join(r.choice(["no", "ha"]) for _ in range(r.randint(0, 8))),
        "html": lambda: "".join(r.choice(["&", "&amp", "amp;", ";", "#", "&#", "&#x", "3", "9", "2F", "1F600", "lt", "&gt;", "&nGt;", "&not", "in", "&Eacute", " ", "x", "<", "br />", "<br />", "quot;", "nbsp;", "\\n", "\\\"", "...", "..", " @-@ ", " @.@ ", "&CounterClockwiseContourIntegral;", "&#128;", "&#x110000;", "&#0"]) for _ in range(r.randint(2, 12))),
        "case": lambda: " ".join("".join(r.choice("aAbBzZÉéΣσςİıẞßÄä'1.ǅ\u0301") for _ in range(r.randint(1, 7))) for _ in range(r.randint(1, 6))),
        "alphabet": lambda: "".join(r.choice([char(), char("lower"), char("upper"), r.choice(marks), r.choice("aZ09.,:-'\"")]) for _ in range(r.randint(2, 14))),
        "anything": lambda: "".join(anything() for _ in range(r.randint(1, 20))),
        "fuzz": lambda: "".join(r.choice(r.choice([ascii_marks, marks, list("abXY019 "), list(" \n\t")])) for _ in range(r.randint(2, 40))),
        "blanks": lambda: r.choice(["", " ", "\n"]) + "".join(r.choice(stems) + r.choice(blanks) + r.choice(["", r.choice(blanks)]) for _ in range(r.randint(1, 9))),
        "prose": lambda: "".join(r.choice([wrap(r.choice(stems)), r.choice(stems), r.choice(stems).title(), r.choice(stems).upper(), r.choice(exceptions["en"]), r.choice(exceptions["de"])]) + r.choice(blanks) for _ in range(r.randint(8, 60))),
        "numbers": lambda: " ".join(wrap("".join(r.choice("0123456789.,:-/+*^%xe²½٣°") for _ in range(r.randint(1, 9)))) for _ in range(r.randint(1, 4))),
    }
    seen = set()
    names = list(kinds)
    while len(seen) < count:
        kind = names[len(seen) % len(names)]
        text = kinds[kind]()
        if text not in seen:
            seen.add(text)
            print(json.dumps({"kind": kind, "text": text}))


def answers(lang):
    import warnings
    warnings.simplefilter("ignore")
    import spacy
    from fastai.text.core import WordTokenizer, defaults, tokenize1
    from fastcore.basics import compose
    nlp, tokenizer, rules = spacy.blank(lang), WordTokenizer(lang), compose(*defaults.text_proc_rules)
    for line in sys.stdin:
        row = json.loads(line)
        text = row["text"]
        row.update(spacy=[t.text for t in nlp.make_doc(text)], pre=rules(text), fastai=list(tokenize1(text, tokenizer)))
        print(json.dumps(row))


def old(lang):
    import spacy
    from spacy.symbols import ORTH
    plain, nlp = spacy.blank(lang), spacy.blank(lang)
    for word in SPECIAL:
        nlp.tokenizer.add_special_case(word, [{ORTH: word}])
    for line in sys.stdin:
        row = json.loads(line)
        row.update(spacy=[t.text for t in plain.make_doc(row["text"])],
                   fastai=[t.text.replace(" ", "\u2581") for t in nlp.make_doc(row["pre"])])
        print(json.dumps(row))


if __name__ == "__main__":
    if sys.argv[1] == "texts":
        texts(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        {"answers": answers, "old": old}[sys.argv[1]](sys.argv[2])
