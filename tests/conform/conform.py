# SPDX-License-Identifier: Apache-2.0
"""Both descriptions are valid by their official validators, and schemathesis finds no answer outside them.

    make conform        # installs the two from PyPI into build/conform

Ends with a table; docs/HTTP.md keeps the last one.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "service"))
from batch_test import imported  # noqa: E402
from service import FOLDER, Client, Service, model  # noqa: E402

BIN = os.path.join(sys.prefix, "bin")
EXAMPLES = os.environ.get("EXAMPLES", "300")
# A key with U+0000 is refused (the JSON library has none such): docs/HTTP.md. 413 is a refusal as well.
CONFIG = """[generation]
allow-x00 = false
[checks.negative_data_rejection]
expected-statuses = [400, 404, 405, 406, 413, 415, 429, 503, 504]
"""
TOKEN = "conform-conform-conform"
# Swagger 2.0 cannot say that one of two fields must hold text, nor that what is no case gets its error in its place.
UNTOLD = ("--exclude-checks", "positive_data_acceptance,negative_data_rejection")
DESCRIPTIONS = (("openapi.json", ()), ("apispec_1.json", UNTOLD))


def run(*command):
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=HERE)
    done = subprocess.run([os.path.join(BIN, command[0]), *command[1:]], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=FOLDER)
    return done.returncode, done.stdout


def main():
    config = os.path.join(FOLDER, "schemathesis.toml")
    with open(config, "w", encoding="ascii") as file:
        file.write(CONFIG)
    token = os.path.join(FOLDER, "token")
    with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(TOKEN + "\n")
    failed, rows = False, []
    for kind, file in (("linear", model()), ("ulmfit", imported())):
        with Service("--threads", "2", "--deadline", "30", "--admin-token-file", token,
                     file=file) as service:
            for name, extra in DESCRIPTIONS:
                path = os.path.join(FOLDER, name)
                with Client(service.address) as client, open(path, "wb") as out:
                    out.write(client.ask("GET", "/" + name).body)
                status, said = run("openapi-spec-validator", path)
                valid = status == 0
                status, told = run("schemathesis", "--config-file", config, "run", path, "--url",
                                   "http://%s:%d" % service.address, "--max-examples", EXAMPLES,
                                   "--header", "Authorization: Bearer " + TOKEN,
                                   "--seed", "7", "--suppress-health-check", "all", *extra)
                cases = re.search(r"(\d+) generated, (?:(\d+) (?:found|passed))?", told)
                if not valid or status != 0:
                    failed = True
                    print(said if not valid else told[-6000:])
                rows.append((kind, name, "valid" if valid else "INVALID",
                             cases[1] if cases else "?", "none" if status == 0 else "SEE ABOVE"))
            with Client(service.address) as client:
                assert client.ask(body={"subject": "disk"}).status == 200
            assert service.stop() == 0
    print("\n| model | description | openapi-spec-validator | schemathesis: requests | answers outside it |")
    print("|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    return failed


if __name__ == "__main__":
    sys.exit(main())
