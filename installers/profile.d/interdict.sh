# Interdict, at a login on a terminal: a few lines for whom the organisation's software policy concerns, else nothing.
# For /etc/profile.d; zsh reads that only where /etc/zsh/zprofile says so. Asks no running agent, and gives up after two seconds.
case $- in
*i*)
    if [ -t 1 ] && [ -x /usr/bin/interdict ]; then
        if command -v timeout >/dev/null 2>&1; then
            timeout --foreground -k 1 2 /usr/bin/interdict status --login </dev/null 2>/dev/null || :
        else
            /usr/bin/interdict status --login </dev/null 2>/dev/null || :
        fi
    fi
    ;;
esac
