"""What the server does by itself: works through the queue, takes up files from a folder, sends messages.

`orders` says what a job is, `inbox` where its recording lies, `worker` works, `presence` tells whether other workers
live, `sending` empties the outbox, `watched` looks into a folder. Knows nothing of doors.
"""
