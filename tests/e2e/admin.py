"""Ask the broker's admin socket, as `curl --unix-socket RUN/admin.sock http://broker/v1/...` does."""
import http.client
import json
import socket


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("broker", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(run_dir, resource):
    """The parsed answer; {} while nobody answers."""
    connection = Connection(run_dir + "/admin.sock")
    try:
        connection.request("GET", resource)
        return json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
