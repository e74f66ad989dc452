#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the table of embedded files: assets.py PAGES SWAGGER_UI OUT.

PAGES are ours, SWAGGER_UI holds those of swagger-ui-dist, or none where it could not be fetched (tools/ui.sh). Files longer than
PACK_BYTES are packed, always to the same bytes. OUT/assets_gen.h has a row a file and has the assembler include OUT/assets/NAME.
"""
import gzip
import hashlib
import os
import sys

PACK_BYTES = 4096
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".png": "image/png"}
FOREIGN = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")

pages, ui, out = sys.argv[1:]
have_ui = all(os.path.exists(os.path.join(ui, name)) for name in FOREIGN)
files = {"/apidocs/" + name: os.path.join(ui, name) for name in FOREIGN} if have_ui else {}
files["/apidocs/page.css"] = os.path.join(pages, "page.css")
if have_ui:
    files["/apidocs/start.js"] = os.path.join(pages, "start.js")
files["/apidocs/"] = os.path.join(pages, "page.html" if have_ui else "plain.html")

folder = os.path.join(out, "assets")
os.makedirs(folder, exist_ok=True)
rows, bytes_of = [], []
for number, (path, file) in enumerate(sorted(files.items())):
    with open(file, "rb") as source:
        data = source.read()
    packed = len(data) > PACK_BYTES
    if packed:
        data = gzip.compress(data, 9, mtime=0)
    kept = os.path.join(folder, f"{number}{os.path.splitext(file)[1]}")
    with open(kept, "wb") as target:
        target.write(data)
    tag = hashlib.sha256(data).hexdigest()[:16]
    bytes_of.append(f'''__asm__(".section .rodata\\n.balign 64\\nasset_{number}:\\n.incbin \\"{kept}\\"\\n.previous\\n");
extern const char asset_{number}[] __attribute__((visibility("hidden")));''')
    rows.append(f'    {{"{path}", "{TYPES[os.path.splitext(file)[1]]}", "\\"{tag}\\"", {str(packed).lower()}, '
                f"{{asset_{number}, {len(data)}}}}},")

with open(os.path.join(out, "assets_gen.h"), "w", encoding="ascii") as header:
    header.write("\n".join(bytes_of))
    header.write("\n\nstatic const struct assets_row assets[] = {\n" + "\n".join(rows) + "\n};\n")
    header.write(f"\n#define ASSETS_HAVE_UI {str(have_ui).lower()}\n")
