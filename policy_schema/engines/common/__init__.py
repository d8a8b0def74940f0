"""What all engines need: which orders hold, what a tool is known by, what a person reads."""
