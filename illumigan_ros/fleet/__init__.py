"""Many bags on many machines: one task a bag, a list of what became of each."""
