#!/usr/bin/env python3
"""Puts standard input between `<!-- bench:NAME begin -->` and `<!-- bench:NAME end -->` of a file, and leaves the rest to its authors.

usage: section.py FILE NAME < MARKDOWN

A measured table that is copied by hand goes stale or gains a wrong digit; what people write around it must survive the next run.
Where the markers are missing the section is added at the end. The file appears whole or stays as it was.
"""
import os
import sys
from pathlib import Path


def replaced(text: str, name: str, section: str) -> str:
    begin, end = f"<!-- bench:{name} begin -->", f"<!-- bench:{name} end -->"
    block = f"{begin}\n\n{section.strip()}\n\n{end}"
    if begin not in text and end not in text:
        return f"{text.rstrip()}\n\n{block}\n".lstrip()
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end) or begin in rest or end in before + after:
        raise SystemExit(f"section.py: the markers of {name} must stand once each, begin before end")
    return before + block + after


def main() -> int:
    if len(sys.argv) != 3:
        raise SystemExit("usage: section.py FILE NAME < MARKDOWN")
    path, name = Path(sys.argv[1]), sys.argv[2]
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(replaced(old, name, sys.stdin.read()), encoding="utf-8")
    os.replace(temporary, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
