"""The brake of the fleet: a ban that suddenly matches on many machines, or that many people say is wrong."""
