"""Another client: makes allocations and holds them.

python -m voicectl.bench.lab.hold IP PORT USER PASSWORD COUNT
"""

import asyncio
import sys

from voicectl.clock import SystemClock
from voicectl.probe.session import TurnSession
from voicectl.probe.settings import ProbeSettings, new_seed
from voicectl.probe.transport.udp import UdpTransport
from voicectl.turn.credentials import LongTermCredentials
from voicectl.turn.events import AllocationCreated
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress


async def main(ip: str, port: int, user: str, password: str, count: int) -> None:
    """Allocate until the server refuses, say how many it gave, and wait."""
    settings = ProbeSettings().client_settings(LongTermCredentials(user, password), reliable=False)
    sessions = []
    for _ in range(count):
        transport = UdpTransport.connect(TransportAddress(ip, port), SystemClock())
        session = TurnSession(transport, settings, SystemClock(), new_seed())
        session.start()
        event = await session.ask(Method.ALLOCATE, lambda client, now: client.allocate(now))
        if not isinstance(event, AllocationCreated):
            break
        sessions.append(session)
    sys.stdout.write(f"holding {len(sessions)}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])))
