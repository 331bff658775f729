"""Tables computed from the results store. Drawing is in `report`."""
