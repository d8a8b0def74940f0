"""What a policy would do to recorded devices: whom it hits, when, and what it would hit that it must not."""
