"""The time of one kernel on one device."""
