#!/bin/bash
# On a throw-away Mac: the package from the first silent installation to its removal, with a policy and a console of its own.
set -euo pipefail
program=/Library/Interdict/interdict
preferences="/Library/Managed Preferences/com.interdict.agent"
fleet=$PWD/fleet
mkdir -p logs

so() { if [ "$1" = "$2" ]; then echo "ok: $3"; else echo "not so: $3: $1"; exit 1; fi; }
until_it() { # SECONDS WHAT COMMAND...
    local seconds=$1 what=$2
    shift 2
    for _ in $(seq "$seconds"); do if "$@" >/dev/null 2>&1; then echo "ok: $what"; return; fi; sleep 1; done
    echo "not within $seconds s: $what"
    tail -n 40 /Library/Logs/Interdict/agent.log || true
    exit 1
}
value() { # FILE.json PATH.TO.IT
    .venv/bin/python -c 'import functools, json, sys
step = lambda value, word: value[int(word)] if isinstance(value, list) else value[word]
print(functools.reduce(step, sys.argv[2].split("."), json.load(open(sys.argv[1]))))' "$1" "$2"
}
device() { value "$fleet/devices.json" "0.$1"; }
device_is() { [ "$(device "$1")" = "$2" ]; }
install() { sudo installer -allowUntrusted -pkg "dist/$1/interdict-$1.pkg" -target / | tee "logs/install-$1.log"; }
traces() { # everything that an installation could leave
    sudo find /Library/Interdict "/Library/Application Support/Interdict" /Library/Logs/Interdict /Library/LaunchDaemons \
        /Library/LaunchAgents /usr/local/bin -maxdepth 3 2>/dev/null || true
    pkgutil --pkgs
    dscl . -list /Users
    sudo launchctl list | awk '{print $3}' | grep interdict || true
}

npm install --global --ignore-scripts @anthropic-ai/claude-code
traces | sort -u >before
.venv/bin/python -m tests.fakes.installers_fleet "$fleet" &
servers=$!
trap 'touch "$fleet/end"; wait $servers || true' EXIT
until_it 60 "policy and console run" test -e "$fleet/fleet.json"

# What a configuration profile becomes on a managed Mac; only a device management can install one.
sudo mkdir -p "/Library/Managed Preferences"
for name in policy_url server secret; do
    sudo defaults write "$preferences" "$name" -string "$(value "$fleet/fleet.json" "$name")"
done
sudo defaults write "$preferences" trust_root -string "$(cat "$fleet/root.json")"
sudo defaults write "$preferences" groups -array engineering shanghai
sudo chmod 0644 "$preferences.plist"

install 0.1.0
so "$(interdict --version)" "interdict 0.1.0" "it is 0.1.0"
until_it 60 "the agent runs" sudo launchctl print system/com.interdict.agent
until_it 120 "the console knows the device" device device_id
case "$(device groups)" in *shanghai*) echo "ok: with its groups" ;; *) exit 1 ;; esac

# shellcheck disable=SC2024 # the logs are the runner's own
{
    code=0
    sudo "$program" scan --json >logs/scan.json || code=$?
    so "$code" 1 "a scan finds the banned package"
    sudo "$program" doctor --json >logs/doctor.json || true # the runner gives nobody full disk access
}
failed=$(.venv/bin/python -c 'import json; print(*(c["name"] for c in json.load(open("logs/doctor.json"))["checks"] if c["result"] == "failed"), sep=", ")')
case "$failed" in "" | "disk access") echo "ok: doctor finds nothing else that failed" ;; *) so "$failed" "" "doctor" ;; esac
installers/jamf/extension-attribute.sh

install 0.2.0
so "$(interdict --version)" "interdict 0.2.0" "it is 0.2.0"
until_it 120 "the console knows of the new version" device_is agent 0.2.0

sudo /Library/Interdict/uninstall --purge
if device_is removed_at None; then echo "not so: the console knows of the removal"; exit 1; fi
sudo rm -f "$preferences.plist"
traces | sort -u >after
diff before after && echo "ok: nothing is left"
