"""A peer that echoes UDP, on IPv4 and IPv6.

python -m voicectl.bench.lab.echo PORT
"""

import socket
import sys


def main(port: int) -> None:
    """Echo until the process is ended."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind(("::", port))
        while True:
            data, source = opened.recvfrom(65_535)
            opened.sendto(data, source)


if __name__ == "__main__":
    main(int(sys.argv[1]))
