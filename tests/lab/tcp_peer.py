"""A TCP peer: echoes each line, and calls where a line `call IP PORT` tells it to.

tcp_peer.py PORT
"""

import asyncio
import sys


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        words = line.split()
        if words[:1] == [b"call"]:
            _, caller = await asyncio.open_connection(words[1].decode(), int(words[2]))
            caller.write(b"it is the peer who calls\n")
        writer.write(line)
    writer.close()


async def main(port: int) -> None:
    await (await asyncio.start_server(serve, "0.0.0.0", port)).serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
