"""AEA's TCP transport, written from its description: four bytes of length, little-endian, then an envelope in protobuf; the first
frame of a client is its address.
"""
import socket
import time

HEAD = 4
GUARD = 60  # seconds: nothing takes longer
NAMES = ("to", "sender", "protocol", "message", "uri")


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes((n & 127 | 128,)), n >> 7
    return out + bytes((n,))


def envelope(to, sender, protocol, message, uri=""):
    fields = (to.encode(), sender.encode(), protocol.encode(), message, uri.encode())
    return b"".join(varint(i << 3 | 2) + varint(len(f)) + f for i, f in enumerate(fields, 1) if f)


def take_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        n, shift, at = n | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return n, at


def parse(data):
    """The fields by name: texts, but bytes for the message."""
    fields, at = {name: b"" for name in NAMES}, 0
    while at < len(data):
        key, at = take_varint(data, at)
        n, at = take_varint(data, at)
        assert key & 7 == 2 and at + n <= len(data), "malformed envelope %r" % data[:80]
        fields[NAMES[(key >> 3) - 1]], at = data[at:at + n], at + n
    return {name: value if name == "message" else value.decode() for name, value in fields.items()}


def frame(data):
    return len(data).to_bytes(HEAD, "little") + data


class Wire:
    """One connection. get() is the next frame; None at the end, and TornFrame if that is in the middle of one."""

    class TornFrame(Exception):
        pass

    def __init__(self, sock):
        self.sock, self.got = sock, b""
        sock.settimeout(GUARD)

    def put(self, data):
        self.sock.sendall(frame(data))

    def get(self):
        while len(self.got) < HEAD or len(self.got) < HEAD + int.from_bytes(self.got[:HEAD], "little"):
            try:
                more = self.sock.recv(1 << 16)
            except ConnectionError:
                more = b""
            if not more and self.got:
                raise self.TornFrame(len(self.got))
            if not more:
                return None
            self.got += more
        n = HEAD + int.from_bytes(self.got[:HEAD], "little")
        data, self.got = self.got[HEAD:n], self.got[n:]
        return data

    def close(self):
        self.sock.close()


def dial(port, address=None, buffer=None):
    """A client that has said who it is."""
    sock = socket.socket()
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(GUARD)
    sock.connect(("127.0.0.1", port))
    wire = Wire(sock)
    if address is not None:
        wire.put(address.encode())
    return wire


def dial_until(port, address, over):
    """The same, as often as it takes; None when over() says so."""
    while not over():
        try:
            return dial(port, address, 1 << 22)
        except OSError:
            time.sleep(0.02)
    return None


class Listener:
    def __init__(self, port=0):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(64)
        self.sock.settimeout(GUARD)
        self.port = self.sock.getsockname()[1]

    def accept(self):
        """(the connection, the address it claims)."""
        wire = Wire(self.sock.accept()[0])
        return wire, (wire.get() or b"").decode()

    def close(self):
        self.sock.close()
