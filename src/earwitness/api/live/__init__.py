"""Live sessions behind sockets: `hosted` takes care of one session, `sessions` of all. A door is a file over them."""
