#!/bin/sh
# What `make run` does once the program is built: learns from the bundled cases, says what to try,
# serves until Ctrl-C. usage: run.sh PROGRAM BUILD_FOLDER ADDRESS:PORT
set -eu
program=$1
model=$2/bundled.air
address=$3
# Anew when there is no model that is newer than the program.
if [ -z "$(find "$model" -newer "$program" 2>/dev/null)" ]; then
    echo "Learning from share/cases, hand-written cases of twelve teams. A first look: with --epochs 2 it takes a" >&2
    echo "minute; without it ULMFiT learns longer, and more:" >&2
    rm -f "$model".*.resume # of a run that Ctrl-C ended; it may have been by another program
    "$program" train --epochs 2 -o "$model" share/cases/*.csv
fi
cat <<END

Try it from another terminal (Ctrl-C here stops the service):

  curl -s http://$address/classifier/sbr -H 'Content-Type: application/json' -d '{
    "case_language": "en", "case_number": "02811345", "product": "Red Hat Satellite",
    "version": "6.8", "severity": "2 (High)", "origin": "Web",
    "subject": "Hosts cannot be registered after errata",
    "description": "subscription-manager refresh says: unable to connect to server"}'

END
exec "$program" serve "$model" --listen "$address"
