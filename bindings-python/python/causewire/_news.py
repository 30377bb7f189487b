"""What can be waited for, and how a call's news comes. The numbers are the native module's."""
HEADERS = 1
MESSAGES = 2
ROOM = 4
DONE = 8

ASYNCIO = 0
BLOCKING = 1
HOME = 2

UNARY = 0
SERVER_STREAMING = 1
CLIENT_STREAMING = 2
BIDI = 3

ACCEPTED = 0
FULL = 1
ENDED = 2
CLOSED = 3
