"""What deciding costs: signals, rules and sessions, without sockets."""
