#!/bin/sh
# Fleet's uninstall script for the package on macOS.
exec /Library/Interdict/uninstall
