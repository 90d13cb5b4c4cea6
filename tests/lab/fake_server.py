"""A server over UDP and TCP with a fault that coturn can't be brought to have.

fake_server.py IP PORT USER PASSWORD FAULT
"""

import asyncio
import sys

from support.fake_turn import FakeTurn, Faults

from voicectl.wire.stun_attributes import TransportAddress
from voicectl.wire.turn_message import StreamSplitter

FAULTS = {
    "stale": lambda: Faults(always_stale=True),
    "garbage": lambda: Faults(garbage=b"this is no STUN at all, and never was"),
    "no-integrity": lambda: Faults(no_integrity=True),
}


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: FakeTurn) -> None:
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        for answer in self.server.handle(data, TransportAddress(*address)):
            self.transport.sendto(answer, address)  # type: ignore[attr-defined]


async def main(ip: str, port: int, user: str, password: str, fault: str) -> None:
    server = FakeTurn(users={user: password}, faults=FAULTS[fault]())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter = StreamSplitter()
        source = TransportAddress(*writer.get_extra_info("peername")[:2])
        while data := await reader.read(65_536):
            for message in splitter.feed(data):
                for answer in server.handle(message, source):
                    writer.write(answer)

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Datagrams(server), (ip, port))
    await (await asyncio.start_server(serve, ip, port)).serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]))
