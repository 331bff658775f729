"""Tables of the studies on real text."""
