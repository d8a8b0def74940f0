"""What people at a machine read: notices, terminal lines, the page about a ban.

Standard library only: the agent imports this. Everything is composed from a closed policy (plain JSON values) and what
was found; the words are gettext catalogues in `locale/`, made with `scripts/notice_catalogues`. A notice says "policy",
never "malware", and never shows a ban's classification.
"""
