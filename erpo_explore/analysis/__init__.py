"""Tables computed from results; nothing is drawn here."""
