#!/bin/sh
# Jamf extension attribute "Interdict" (text): what the agent says of itself, for smart groups. No findings, no names.
program=/Library/Interdict/interdict
if [ ! -x "$program" ]; then
    echo "<result>not installed</result>"
    exit 0
fi
said=$("$program" doctor --json 2>/dev/null)
failed=$(printf '%s' "$said" | /usr/bin/grep -c '"result": "failed"')
case "$said" in
*'"checks"'*) ;;
*) failed="" ;;
esac
case "$failed" in
"") echo "<result>cannot tell</result>" ;;
0) echo "<result>healthy</result>" ;;
*) echo "<result>$failed checks failed</result>" ;;
esac
