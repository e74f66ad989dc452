"""What fastai makes of every case of the CSV sets given, as JSON lines {"text", "fastai"}: the six
fields joined with their marks, and subject and description joined by a blank.

    python token_cases.py LANGUAGE FILE.csv... > cases.jsonl
"""
import csv
import json
import sys
import warnings

warnings.simplefilter("ignore")
from fastai.text.core import WordTokenizer, tokenize1  # noqa: E402

FIELDS = "subject description product version severity origin".split()
language, files = sys.argv[1], sys.argv[2:]
csv.field_size_limit(1 << 30)
tokenizer, seen = WordTokenizer(language), set()
for path in files:
    with open(path, encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if (row["case_language"] or "en") != language:
                continue
            joined = " ".join("xxfld %d %s" % (i, row[name]) for i, name in enumerate(FIELDS, 1))
            for text in (joined, row["subject"] + " " + row["description"]):
                if hash(text) in seen:
                    continue
                seen.add(hash(text))
                print(json.dumps({"text": text, "fastai": list(tokenize1(text, tokenizer))}))
