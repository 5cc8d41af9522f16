"""Jobs over ZeroMQ: the process that the add-on talks to."""
